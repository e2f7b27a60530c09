-- What the metrics page reads at each scrape, and the trace of a call that was made twice.

-- Calls that are known to have succeeded for an intent which a newer one had replaced: 0, or something happened twice.
ALTER TABLE side_effect ADD COLUMN overtaken integer NOT NULL DEFAULT 0 CHECK (overtaken >= 0);
CREATE INDEX side_effect_overtaken ON side_effect (effect_key) WHERE overtaken > 0;
-- Open letters by reason, counted from the index alone: a letter's row carries a whole message.
CREATE INDEX dead_letter_open_reason ON dead_letter (reason) WHERE resolution = 'OPEN';
