"""How drafts arrange: settle, propose, decline, or tell when something is sent. Lists only."""

from __future__ import annotations

from messaging.guardrails.phrases import any_of

_TIME_WORDS = (
    r"(?:(?:a|the|which|what|another|any|best|your|preferred) time\b(?!-)|times|time ?(?:slots?|zone)|days?|dates?"
    r"|slots?|openings?|availability)"
)
_MEETING = r"(?:call|meeting|demo|chat|appointment|session|conversation|termin|slot)"
_SETTLED = (
    r"(?:booked|scheduled|confirmed|reserved|set|blocked|held|locked in|penciled|pencilled|arranged|moved"
    r"|rescheduled|saved|registered|signed up|put|added|slotted|entered)"
)

#: Settles the meeting, whatever else the draft says.
FIRM = any_of(
    r"(?:I've|I have|we've|we have|it's|it is|that's|you're|you are|(?:call|meeting|demo|slot|time|appointment|that"
    r"|this|it)"
    rf" is|are|been|hereby|consider (?:it|this)|everything is|just) (?:\w+ ){{0,4}}?{_SETTLED}\b(?! up\b)",
    r"(?:booked|confirmed|scheduled|confirming|locked in|all set|done)\b(?=[^?]*$|[^?]*[.!])",
    r"(?:I|we) (?:can )?(?:hereby )?(?:confirm|booked|reserved|scheduled|blocked)\b",
    r"(?:we're|we are|you're|you are) (?:all )?(?:on|good|down|in|set|good to go) for\b",
    r"(?:have|got|put|have put|pencil(?:l?ed)?) (?:you|us|it|this) (?:down|in)\b",
    r"(?:invite|invitation) (?:is|has been|was|sent|went)\b|(?:sent|sending|send) (?:you |over |out )*(?:an?|the"
    r"|your) (?:calendar )?(?:invite|invitation) for\b",
    r"(?:bestätigt|gebucht|eingetragen|reserviert|c'est noté|confirmée?|réservée?|reservad[oa]|confirmad[oa]"
    r"|agendad[oa]|bevestigd|geboekt|ingepland|vastgelegd|confermat[oa]|prenotat[oa]|fissat[oa])\b",
)

#: Speaks of the meeting as settled, or is mere courtesy: it binds the days said in plain statements.
LOOSE = any_of(
    r"(?:I'll|I will|we'll|we will|will|let me|going to) (?:\w+ ){0,2}?(?:book|schedule|confirm|reserve|call|ring"
    r"|phone|see"
    r"|meet|speak|talk|block|hold|put|lock|expect|dial|join|pencil|chat|be there|set (?:it |this |that |us )?up)\b",
    r"(?:give|giving) you a (?:call|ring|buzz)\b|(?:come|drop|stop) by\b",
    r"(?:see|speak|talk|meet|chat|catch) (?:to |with )?(?:you|then|up|on|next|soon|tomorrow)\b",
    r"(?:looking|look) forward\b|can't wait\b|excited to\b",
    r"(?:let's|let us) (?:\w+ )?(?:meet|talk|speak|do|go|say|plan|make it|lock|take|stick|chat|connect|aim|keep|book"
    r"|schedule|have|hold)\b",
    r"(?:works?|suits?|fits?|is good|is perfect|is fine|is great)(?: (?:perfectly|well|great|fine|best|nicely))?"
    r" (?:for|with) (?:me|us|our team|everyone|both of us|our side)\b",
    r"(?:works|suits|is perfect|is fine|is great|is good)(?: (?:perfectly|well|great|fine|nicely))?(?=[.!,]|$)",
    r"it is[.!]|it is then\b",
    rf"(?:our|the|your) (?:\w+ )?{_MEETING} (?:is|on|will be|takes place|for|at|has been|starts)\b",
    r"(?:an?|the|your|our|calendar) (?:calendar )?(?:invite|invitation)\b",
    r"(?:join us|be ready|dial in|please be)\b",
    r"bis (?:dann|montag|dienstag|mittwoch|donnerstag|freitag)\b",
)

DECLINES = any_of(
    r"(?:not|isn't|aren't|no longer|never) (?:\w+ )?(?:available|free|possible|around|open)\b",
    r"unavailable\b",
    r"(?:fully |already |all )(?:booked|taken|full)\b",
    r"(?:is|are|was|were) (?:now )?(?:taken|gone|full|busy|out|off)\b",
    r"(?:can't|cannot|can not|won't|couldn't|unable to|not able to)\b[^.!?\n]{0,30}\b(?:do|make|meet|offer|attend"
    r"|talk|speak|accommodate|work|join|call)\b",
    r"(?:doesn't|does not|don't|do not|won't|will not|wouldn't|didn't) (?:\w+ )?(?:work|suit|fit|have)\b",
    r"(?:I'm|I am|we're|we are|be|am|is|are|am also) (?:\w+ )?(?:busy|away|travel\w*|on holiday|on vacation"
    r"|on leave|tied up|out of (?:the )?office|booked (?:up|solid)|in meetings)\b",
    r"except\b|other than\b|instead of\b|rather than\b",
    r"nicht (?:am|um|verfügbar|möglich)\b",
    r"not (?:in the|on|at|before|after|this|next|mornings?|afternoons?|mondays?|fridays?)\b",
)

ASKS = any_of(
    r"(?:would|could|can|shall|should|might|will|does|do|is|are) [^.!?\n]{0,60}\b(?:works?|suits?|ok|okay|possible"
    r"|fit|prefer|free|available|good|convenient|better|fine|do)\b",
    r"(?:how|what) about\b",
    r"let me know\b",
    r"(?:which|what|when)\b[^.!\n]{0,80}\?",
    r"if (?:that|this|it|those|you|these|not)\b",
    r"(?:propose|suggest|perhaps|maybe|possibly|tentatively)\b",
    r"(?:I|we) (?:can|could|also|still|currently)? ?(?:do|offer|have(?! (?:\w+ )?(?:\w+ed|put|set|sent)\b))\b",
    r"(?:options?|availability|openings?|available)\b",
)

ADMINISTRATIVE = any_of(
    r"(?:send(?:ing)?|sent|shar(?:e|ed|ing)|forward(?:ed|ing)?(?<!look forward)(?<!looking forward)|e-?mail(?:ed)?"
    r"|mailed"
    r"|follow(?:ed|ing)? up|get back|circle back|come back|repl(?:y|ied)|respond(?:ed)?|prepare|finali[sz]e|deliver"
    r"|provide|receiv(?:e|ed)|wrote|written|writing|message|note|reach(?:ed)? out|check in|update|circulate)\b"
)

LOGISTICS = any_of(
    rf"(?:which|what|when)\b[^.!?\n]{{0,60}}\b(?:{_TIME_WORDS}|works?|suits?|prefer|convenient|free|available"
    rf"|best for you)\b"
    r"[^.!\n]{0,60}\?",
    rf"(?:let me know|tell me|reply with|send me|share|say|confirm|pick|choose"
    rf"|select)\b[^.!?\n]{{0,40}}\b{_TIME_WORDS}\b",
    r"(?:let me know|tell me) (?:what|which|if|when|whether)\b[^.!?\n]{0,40}\b(?:works?|suits?|prefer|convenient|free"
    r"|available)\b",
    r"(?:do|does|would|will|could|can)\b[^.!?\n]{0,50}\b(?:work|suit|fit)s?\b[^.!\n]{0,30}\?",
    r"(?:I've|I have|we've|we have|you're|you are|it's|all|call is|meeting is) (?:\w+ ){0,3}?(?:booked|scheduled"
    r"|confirmed|reserved|set for|locked in|penciled|pencilled|rescheduled)\b",
    r"(?:calendar )?(?:invite|invitation)\b",
    r"time ?zone\b",
    r"(?:are you|you're|you are) (?:\w+ )?(?:free|available)\b",
    r"(?:see|speak|talk) (?:to |with )?you (?:then|on|at|there|tomorrow|next)\b",
    rf"(?:offer|have|propose|suggest|following|available|open)\b[^.!?\n]{{0,20}}\b{_TIME_WORDS}\b",
    r"(?:works|suits) (?:for|with) (?:me|us|our side)\b",
    r"(?:wann|welcher (?:tag|termin)|welche (?:zeit|uhrzeit))\b[^.!\n]{0,60}\?"
    r"|pass(?:t|en) (?:es )?(?:ihnen|dir|euch)\b"
    r"|termin(?:e|vorschl\w+)? (?:vor|an|für|am|um)\b|(?:ruf\w*|melde\w*) (?:ich )?(?:sie|dich|mich)\b",
    r"(?:quand|quel(?:le)? (?:jour|date|heure|créneau))\b[^.!\n]{0,60}\?|(?:vous|te) convien(?:t|drait)\b"
    r"|créneaux?\b",
    r"(?:cuándo|qué (?:día|hora|fecha))\b[^.!\n]{0,60}\?|le (?:viene|vendría|conviene) (?:bien|mejor)\b"
    r"|le va bien\b",
)
