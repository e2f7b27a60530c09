"""How leads say that they want a meeting, accept a time, refuse, or ask for information. Lists only.

A list holds kinds of phrases, not sentences seen in a case: add one with its paraphrases, and a case against it.
"""

from __future__ import annotations

from messaging.guardrails.phrases import any_of

_TALK = (
    r"(?:calls?|meetings?|demos?|chats?|conversations?|appointments?|walk-?throughs?|sessions?|catch-?up|sync"
    r"|times?|slots?"
    r"|intro|introduction|video|zoom|coffee|presentation|termin|gespräch|rdv|rendez-vous|reunión|llamada)"
)
_TALKING = (
    r"(?:talk|meet|chat|speak|connect|discuss|jump on|hop on|get on|see (?:a|the|it)|catch up|book|schedule"
    r"|call|sit down)"
)
_TIME_WORDS = r"(?:times?|days?|dates?|slots?|openings?)"

BOOKING = any_of(
    rf"(?:book|schedule|set up|arrange|organi[sz]e|find|have|do|plan|fix|pencil in|put in|reserve|agree(?: on)?|make)"
    rf"\b[^.!?\n]{{0,40}}\b{_TALK}\b",
    r"(?:let's|let us|can we|could we|shall we|we should|we could|(?:happy|glad|love|like|want|keen|open|willing"
    r"|ready|able)"
    rf" to|up for)\b[^.!?\n]{{0,30}}\b{_TALKING}\b",
    rf"(?:when|(?:what|which) {_TIME_WORDS})\b[^.!?\n]{{0,40}}\b(?:free|available|availability|suits?|works?|good"
    rf"|convenient"
    r"|open|have|got|do you|are you|can you|can we|could we|could you)\b",
    r"(?:send|share|give|let me have|offer|suggest|propose|shoot)\b[^.!?\n]{0,30}\b(?:times?|slots?|availability|dates?"
    r"|availabilities|openings|calendar|invite|invitation)\b",
    r"(?:I'm|I am|we're|we are|I'd be|I will be|I'll be)\b[^.!?\n]{0,20}\b(?:free|available|around|open|flexible)\b",
    r"(?:works?|suits?|fits?|good|fine|perfect|great|ok|okay|best|convenient)(?: \w+)? (?:for|with) (?:me|us)\b",
    r"(?:set|get|put|find|figure|sort|line) (?:something|it|this|that|a \w+|one) (?:up|out|in|on|down)\b",
    r"suits? (?:me|us)\b",
    r"(?:does|do|would|will|could|can|is|how about|what about|are you free|are you available)\b[^.!?\n]{0,40}"
    r"\b(?:work|suit|possible|free|available|fit|do)\b[^.!\n]{0,30}\?",
    r"(?:how|what) about\b[^.!\n]{0,40}\?",
    r"(?:my|our) (?:availability|calendar|schedule|diary) (?:is|looks|for)\b",
    r"(?:count me in|sign me up|put me down|book me(?: in)?|pencil me in|lock (?:it|that) in|let's do (?:it|that"
    r"|this))\b",
    r"(?:call me|give me a (?:call|ring|buzz)|ring me|phone me|invite me)\b",
    r"next steps? to (?:book|meet|schedule)",
    r"termin\w* (?:\w+ )?(?:vereinbaren|ausmachen|abmachen|machen|finden|planen|buchen)\b"
    r"|rufen sie (?:mich|uns) (?:\w+ )?an\b"
    r"|(?:können|könnten|wollen|sollen|lassen sie) (?:wir|uns) [^.!?\n]{0,30}"
    r"\b(?:telefonieren|sprechen|reden|treffen)\b",
    r"(?:pouvons|pourrions|on peut)(?:-nous)? [^.!?\n]{0,20}\b(?:parler|échanger|voir|appeler)\b|appelez-moi\b"
    r"|(?:fixer|convenir d|trouver|caler|planifier)[^.!?\n]{0,12}\b(?:rendez-vous|créneau|appel|date)\b",
    r"(?:podemos|podríamos|queremos|quiero|quisiera) [^.!?\n]{0,20}\b(?:hablar|reunirnos|llamar|agendar|vernos)\b"
    r"|llám[ae]me\b|concertar\b[^.!?\n]{0,12}\b(?:cita|llamada|reunión)\b",
    r"(?:wann (?:passt|haben|hätten|können)|passt (?:mir|uns))\b",
    r"(?:prendre rendez-vous|quand êtes-vous|disponible|agendar|cuándo)\b",
)

#: Taken with a day or time that the lead names: `Tuesday at 3, please`.
ACCEPTS = any_of(
    r"(?:works?|good|fine|ok|okay|perfect|great|please|let's|sure|yes|yep|yeah|book|confirm(?:ed)?|sounds|go with"
    r"|take|prefer|how about|what about|can you|could you|could we|can we|i can|ja|gerne|oui|sí)\b",
)

REFUSES = any_of(
    r"(?:not|isn't|aren't|no longer|never) (?:\w+ )?interested",
    r"no,? thanks?\b",
    r"no,? thank you",
    r"unsubscribe\b",
    r"(?:remove|take|delete) (?:me|us|my)\b(?! up)",
    r"stop (?:e-?mailing|contacting|sending|writing|calling|messaging)",
    r"(?:don't|do not|please don't|never) (?:contact|e-?mail|call|write|message)\b",
    r"opt(?:ing)?[ -]?out\b",
    r"not (?:looking|the right (?:time|person|fit)|a (?:good )?fit|a good time|at this (?:time|point)|for us"
    r"|right now)\b",
    r"no (?:need|interest)\b",
    r"kein(?:e)? interesse\b",
    r"pas intéress",
    r"leave me alone\b",
    r"(?:I'll|we'll|will) pass\b",
    r"don't (?:need|want|think we need)\b[^.!?\n]{0,20}\b(?:call|meeting|demo|meet|talk)\b",
)

_DOCUMENTS = (
    r"(?:information|info|details|pricing|prices?|price list|brochure|deck|one-?pager|overview|case stud(?:y|ies)"
    r"|examples|references|documentation|quote|data ?sheet|white ?paper|materials?)"
)
_SCHEDULING = (
    r"(?:calendar|schedule|times?|availability|free|available|day|slots?|(?:mon|tues|wednes|thurs|fri)day|week|tomorrow"
    r"|morning|afternoon)"
)

INFORMATION_ASKED = any_of(
    r"how much\b",
    r"what(?:'s| is| are| does| would| do)(?: the| your| it| this)* (?:price|prices|pricing|cost|costs|fees?|rates?"
    r"|charge)",
    r"(?:price|pricing|costs?|rates?|fees?|quote|budget)\b[^.!\n]{0,40}\?",
    rf"(?:send|share|give|forward|e-?mail|provide|need|want|get|have|receive|like)\b[^.!?\n]{{0,40}}\b{_DOCUMENTS}\b"
    r"(?! (?:for|of|about) the (?:call|meeting|invite))",
    r"(?:tell|show) (?:me|us)(?: a (?:bit|little))? (?:more|about|what|how)\b",
    r"(?:do|does|can|could|is|are|will)\b[^.!?\n]{0,30}\b(?:support|integrate|integration|include|included"
    r"|compatible|comply"
    r"|compliant|offer|handle|work with (?!me|us|you)|come with)\b(?![^.!\n]{0,25}\b(?:times?|slots?|dates?"
    r"|availability))[^.!\n]{0,60}\?",
    r"(?:how|what)(?: exactly| specifically)? (?:does|do|is|are|would|can|makes?|kind|sort|type|problem|else)\b"
    rf"(?![^.!?\n]{{0,40}}\b{_SCHEDULING}\b)[^.!\n]{{0,80}}\?",
    r"(?:explain|elaborate|clarify)\b",
    r"(?:want|like|love|need|eager|curious|happy) to (?:know|learn|hear|read|understand) (?:\w+ )?"
    r"(?:more|about|how|what)\b",
    r"(?:más información|más detalles|cuánto cuesta|qué precio|quel (?:est le )?(?:prix|tarif|coût))\b",
    r"(?:before|prior to)(?: we| I)? (?:book|meet|call|talk|schedul|commit|demo|jump|hop|chat|speak|agree|set)",
    r"(?:was kostet|wie viel|wieviel|preis(?:e|liste)?|mehr informationen|combien|tarifs?|plus d'informations)\b",
)
