-- What the metrics page reads at each scrape, and the trace of a call that was made twice.

-- When a call went through whose intent a newer one had replaced: then the effect may have happened twice.
ALTER TABLE side_effect ADD COLUMN overtaken_at timestamptz;
CREATE INDEX side_effect_overtaken ON side_effect (overtaken_at) WHERE overtaken_at IS NOT NULL;
-- Open letters by reason, counted from the index alone: a letter's row carries a whole message.
CREATE INDEX dead_letter_open_reason ON dead_letter (reason) WHERE resolution = 'OPEN';
