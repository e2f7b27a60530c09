-- What drafting may say of money, and how often a draft was written anew.

-- Prices that a client's replies may name, as it words them: '$49 per van and month'.
ALTER TABLE client ADD COLUMN known_prices text[] NOT NULL DEFAULT '{}';
-- 1 for a draft that stands as it was first written.
ALTER TABLE draft ADD COLUMN revision integer NOT NULL DEFAULT 1 CHECK (revision >= 1);
