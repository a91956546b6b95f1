-- When somebody was last seen is read for each row of a list.
CREATE INDEX sign_ins_last_used ON sign_ins (user_id, last_used_at);
