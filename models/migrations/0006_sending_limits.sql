-- When and how often replies may go out: sending hours of clients and campaigns, rates, and when each reply was let out.

-- NULL: at any hour. The form is the one that policy/sending_hours.py writes.
ALTER TABLE client ADD COLUMN sending_hours text;
-- NULL: as the client has it. A zone of its own is the clock of the campaign's sending hours.
ALTER TABLE campaign ADD COLUMN sending_hours text;
ALTER TABLE campaign ADD COLUMN timezone text;
ALTER TABLE client ADD CONSTRAINT client_sending_hours_form CHECK (sending_hours ~
  '^(always|never|[a-z]{3}(-[a-z]{3})?( \d\d:\d\d-\d\d:\d\d)+(, [a-z]{3}(-[a-z]{3})?( \d\d:\d\d-\d\d:\d\d)+)*)$');
ALTER TABLE campaign ADD CONSTRAINT campaign_sending_hours_form CHECK (sending_hours ~
  '^(always|never|[a-z]{3}(-[a-z]{3})?( \d\d:\d\d-\d\d:\d\d)+(, [a-z]{3}(-[a-z]{3})?( \d\d:\d\d-\d\d:\d\d)+)*)$');

-- At most so many replies of the client (scope client), or to any one of its leads (scope lead), within a sliding period.
-- The row of scope client is also the lock under which the gate counts: the client's own row is held shared.
CREATE TABLE sending_rate (
  client_id text NOT NULL REFERENCES client (id),
  scope     text NOT NULL CHECK (scope IN ('client', 'lead')),
  most      integer NOT NULL CHECK (most > 0),
  period_s  integer NOT NULL CHECK (period_s BETWEEN 1 AND 2678400),
  PRIMARY KEY (client_id, scope)
);

-- When the gate let the reply out, and for which client: what the rates count.
ALTER TABLE draft ADD COLUMN client_id text;
ALTER TABLE draft ADD COLUMN let_out_at timestamptz;
ALTER TABLE draft ADD CONSTRAINT draft_let_out_for_client CHECK ((let_out_at IS NULL) = (client_id IS NULL));
CREATE INDEX draft_let_out_client ON draft (client_id, let_out_at) WHERE let_out_at IS NOT NULL;
CREATE INDEX draft_let_out_lead ON draft (lead_id, let_out_at) WHERE let_out_at IS NOT NULL;
