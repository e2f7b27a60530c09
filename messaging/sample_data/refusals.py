"""Patterns of threads in which leads put us off, fall silent, correct themselves, or are no people at all."""

from __future__ import annotations

from typing import Final

from messaging.sample_data.exchanges import EMAIL, LINKEDIN, SMS, Exchange, lead, us

_OPENING: Final = us(
    "Hello {first},\n\nstill planning the routes of {company} by hand? We could show you in ten minutes how others do"
    " it.\n\n{signature}"
)
_REMINDER: Final = us("Hello {first},\n\njust making sure that this did not get lost.\n\n{signature}", after_h=96)

OPT_OUTS: Final = tuple(
    Exchange("opt_out", subject, (_OPENING, lead(text)), channels, opted_out=True)
    for subject, text, channels in (
        ("Re: routes", "Please remove me from your list.", (EMAIL,)),
        ("unsubscribe", "UNSUBSCRIBE", (EMAIL,)),
        ("", "STOP", (SMS,)),
        ("Re: routes", "Do not contact me again. I have said so twice.", (EMAIL, LINKEDIN)),
        ("AW: Routen", "Bitte streichen Sie mich aus Ihrem Verteiler.", (EMAIL,)),
        ("RE: tournées", "Merci de ne plus me contacter.", (EMAIL, LINKEDIN)),
        ("Re: rutas", "Por favor, déme de baja de esta lista.", (EMAIL,)),
    )
)

DECLINES: Final = (
    Exchange("opt_out_unrecorded", "Re: routes", (_OPENING, lead("Take me off this list, thanks.")), (EMAIL, SMS)),
    Exchange(
        "no_opt_out",
        "Re: routes",
        (_OPENING, lead("Don't stop now, this is getting interesting! What happens when a driver calls in sick?")),
        (EMAIL, LINKEDIN),
    ),
    Exchange(
        "declined", "Re: routes", (_OPENING, lead("Not interested, thanks. We built our own.")), (EMAIL, SMS, LINKEDIN)
    ),
    Exchange("declined", "AW: Routen", (_OPENING, lead("Kein Interesse, danke.\n{lead}"))),
    Exchange(
        "cadence",
        "Re: routes",
        (_OPENING, _REMINDER, _REMINDER, lead("Three mails in ten days is a bit much. Try me again in the spring.")),
        (EMAIL, LINKEDIN),
    ),
    Exchange(
        "cadence",
        "Not now",
        (_OPENING, lead("Budget is frozen until January. Ping me in the second week, not earlier, not later.")),
        (EMAIL, SMS),
    ),
    Exchange("silent", "Routes for {company}", (_OPENING, _REMINDER), (EMAIL, LINKEDIN)),
)

MACHINES: Final = (
    Exchange(
        "out_of_office",
        "Automatic reply: routes",
        (
            _OPENING,
            lead(
                "I am out of the office until {in_8_days} with no access to mail.",
                after_h=0.02,
                never_answer="auto_submitted",
            ),
        ),
    ),
    Exchange(
        "out_of_office",
        "Abwesend",
        (
            _OPENING,
            lead(
                "Ich bin bis {in_6_days} nicht im Büro. Ihre Nachricht wird nicht weitergeleitet.",
                after_h=0.02,
                never_answer="auto_submitted",
            ),
        ),
    ),
    # A person's machine that does not say that it is one: only its words tell.
    Exchange(
        "out_of_office_unmarked",
        "Re: routes",
        (
            _OPENING,
            lead(
                "Thank you for your message. I'm on annual leave, back on {in_7_days}. For emergencies: the depot.",
                after_h=0.1,
            ),
        ),
        (EMAIL, SMS),
    ),
    Exchange(
        "bounce",
        "Undelivered Mail Returned to Sender",
        (_OPENING, lead("<{address}>: user unknown", after_h=0.05, never_answer="empty_return_path")),
    ),
)

CORRECTIONS: Final = (
    Exchange(
        "newer_inbound",
        "Re: routes",
        (
            _OPENING,
            lead("{in_3_days} at 2pm works."),
            lead("Sorry, wrong week! I meant {in_8_days}, same time.", after_h=0.4),
        ),
        (EMAIL, SMS, LINKEDIN),
    ),
    Exchange(
        "newer_inbound",
        "Re: routes",
        (
            _OPENING,
            lead("Yes, please call me, the sooner the better."),
            lead("Forget it, we have just signed with somebody else. Please don't call.", after_h=1.5),
        ),
        (EMAIL, SMS),
    ),
    Exchange(
        "newer_inbound",
        "Re: Pricing",
        (lead("What is the price for 12 vans?"), lead("Make that 120, typing on a phone.", after_h=0.1)),
        (SMS, LINKEDIN),
    ),
    Exchange(
        "answered",
        "Re: routes",
        (
            _OPENING,
            lead("What does it need to start?"),
            us("Hello {first},\n\na list of vans and yesterday's stops. We set it up with you.\n\n{signature}"),
            lead("Good to know, thanks."),
            us("You're welcome, {first}. Write whenever you like to see it.\n\n{signature}"),
        ),
        (EMAIL, SMS, LINKEDIN),
    ),
    Exchange(
        "answered",
        "Re: a call",
        (_OPENING, lead("When could we talk?"), us("Hello {first},\n\nwhich days suit you next week?\n\n{signature}")),
        (EMAIL, LINKEDIN),
    ),
    Exchange(
        "long_thread",
        "Re: Re: Re: routes",
        (
            _OPENING,
            lead("Who uses it?"),
            us("Fleets of ten to two hundred vans, {first}.\n\n{signature}"),
            lead("And in winter?"),
            us("The planner knows closed passes and snow routes.\n\n{signature}"),
            lead(
                "OK, I'm convinced enough for a demo. What would 18 vans cost, and when could you show it to my boss?"
            ),
        ),
        (EMAIL, LINKEDIN),
    ),
)
