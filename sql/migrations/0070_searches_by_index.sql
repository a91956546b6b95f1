-- Words are looked up in their index, whatever the planner expects. Below some 100,000 prompts it expected less of reading all
-- of them, which takes 16 ms for 50,000, also for somebody who has written ten.
ALTER FUNCTION my_prompts(text, jsonb, uuid, integer) SET enable_seqscan = off;
ALTER FUNCTION my_pictures(jsonb, uuid, uuid, integer) SET enable_seqscan = off;
