-- What is known of a thing is read for each decision and each file that an operator looks at.
CREATE INDEX reports_target ON reports (target_id, id);
