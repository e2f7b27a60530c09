"""How drafts praise what they sell. Lists only; one loud phrase is selling, quiet ones count together."""

from __future__ import annotations

from messaging.guardrails.phrases import any_of

LOUD = any_of(
    r"(?:trusted by|industry[- ]leading|award[- ]winning|best[- ]in[- ]class|world[- ]class|cutting[- ]edge"
    r"|market[- ]leading|state[- ]of[- ]the[- ]art|game[- ]chang\w+|leading provider|number one\b|#1)",
    r"(?:limited[- ]time|special offer|discounts?|free trial|money[- ]back|guaranteed?|act now|sign up (?:now|today)"
    r"|don't miss|exclusive (?:offer|deal)|promo(?:tion)?s?)\b",
    r"(?:\d+ ?(?:%|percent|x|times)|twice|double|triple|half) (?:more|less|faster|better|higher|lower|increase"
    r"|reduction|growth|the|your|as)\b",
    r"\d+ ?(?:%|percent)",
    r"(?:roi\b|return on investment)",
    r"(?:boost|skyrocket|supercharge|maximi[sz]e|transform|revolutioni[sz]e|accelerate|streamline|turbocharge"
    r"|unlock|elevate"
    r"|grow|increase|improve|reduce|cut|save|slash)[sd]?(?: \w+)? (?:your|you|their|time|money|revenue|costs?|sales"
    r"|productivity|efficiency|hours|growth|results)\b",
    r"(?:unlike|better than|ahead of) (?:other|our competitors|competitors|the competition|any other)",
    r"why (?:choose|companies choose|customers)\b",
    r"you(?:'ll| will) (?:love|be amazed|see results)\b",
    r"(?:case stud(?:y|ies)|testimonials?|success stor(?:y|ies))\b",
    r"(?:preisgekrönt\w*|marktführend\w*|führende\w* anbieter|einzigartig\w*"
    r"|rabatt\w*|kostenlos(?:e|er|en)? (?:testen|test)"
    r"|überzeugen sie sich|vertrauen (?:uns|auf uns)|sparen sie|steiger\w+ (?:sie|ihren?|den|die))\b",
    r"(?:primé\w*|leader (?:du marché|mondial)|essai gratuit|remise|offre (?:spéciale|limitée)|nous font confiance"
    r"|économis\w+ (?:jusqu'|du|votre|vos)|boostez|augmentez)\b",
    r"(?:galardonad\w+|líder (?:del mercado|mundial)|prueba gratuita|descuento|oferta (?:especial|limitada)"
    r"|confían en nosotros|ahorr\w+ (?:hasta|tiempo|dinero)|aument\w+ sus)\b",
)

QUIET = any_of(
    r"our (?:[\w-]+ ){0,2}(?:platform|solution|product|services?|tool|software|system|technology|offering|suite"
    r"|packages?|approach|expertise|programme?|plans?|features?|pricing|customers|clients|team of)\b",
    r"(?:helps?|helped|enables?|allows?|lets|empowers?|delivers?|drives?|provides?|offers?|includes?|features?"
    r"|automates?"
    r"|speciali[sz]es?|works with)\b[^.!?\n]{0,30}\b(?:you|your|teams?|companies|businesses|clients|customers|firms"
    r"|reporting|organi[sz]ations|analytics|workflows?|dashboards?|everything|all|results|features|support)\b",
    r"(?:we|our team|we've|we have)\b[^.!?\n]{0,12}\b(?:help|helped|work(?:ed)? with|provide|offer|deliver"
    r"|speciali[sz]e|build|built|serve|support|pride|partner)\b(?![^.!?\n]{0,20}\b(?:times?|slots?|dates?)\b)",
    r"(?:benefits?|advantages?|features|value|results|savings|competitive|affordable|powerful|seamless\w*|robust"
    r"|scalable|intuitive|easy[- ]to[- ]use|proven|innovative|comprehensive|flexible plans)\b",
    r"(?:starts? at|starting (?:at|from)|only|just|for) ?(?:[$€£]\d|\d+ ?(?:[$€£]|usd|eur|dollars|euros))",
    r"(?:unlimited|built-in|out of the box|24/7|all-in-one|dedicated|fully (?:managed|automated|integrated)|you get)\b",
    r"(?:gives?|giving) (?:you|your)\b|so (?:that )?(?:you|your \w+) can\b|pays? for itself\b|focus on\b",
    r"(?:simple|fast|secure|reliable|smart|modern|efficient|effective|accurate)(?:,| and)",
    r"(?:integrates? (?:with|into)|combines?|(?:built|designed) (?:for|to)|(?:teams?|companies|businesses) like)\b",
    r"(?:get started|upgrade|subscribe|buy|purchase)\b",
    r"unsere? (?:\w+ ){0,2}(?:plattform|lösung|software|produkte?|kunden|angebote?|pakete|team|dienst\w*)\b",
    r"(?:notre|nos) (?:\w+ ){0,2}(?:plateforme|solutions?|logiciel|produits?|clients|offres?|équipe|services?)\b",
    r"nuestr[ao]s? (?:\w+ ){0,2}(?:plataforma|soluci(?:ón|ones)|software|productos?|clientes|equipo|servicios?)\b",
)
