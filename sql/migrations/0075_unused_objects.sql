-- What no program of any version has read. What earlier ones may still use stays for them: tests/database/test_objects_in_use.py.
DROP VIEW image_generations, video_generations;
ALTER TABLE generations DROP COLUMN requested_model;
