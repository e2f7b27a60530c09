-- Replies by other ways than mail: where a lead wrote to, and the parts in which a draft goes out.

-- The client's own number or name at which an inbound lead message came in: it is answered from there. Mail has none.
ALTER TABLE lead_message ADD COLUMN recipient text;
-- The provider's name for the conversation. Mail has its references.
ALTER TABLE lead_message ADD COLUMN thread text;
-- Fixed before the first can have gone out, so that no later release parts it otherwise; NULL: the content is one part.
ALTER TABLE draft ADD COLUMN parts text[] CHECK (cardinality(parts) BETWEEN 1 AND 3);
