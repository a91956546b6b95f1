-- Never read: the models of pictures are the providers' settings.
ALTER TABLE session_config DROP COLUMN image_models;
