-- Where in a trace a job was asked for (W3C traceparent); a column without a default rewrites no row.

ALTER TABLE background_job ADD COLUMN traceparent text;
