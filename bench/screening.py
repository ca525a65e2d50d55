"""How long one party takes against 10,000 listed entities, beside comparing it in full with each of their names:
`python bench/screening.py`. The names are made up, of some 25,000 in all; loading is not measured."""

from __future__ import annotations

from random import Random
from statistics import median

from measuring import Measurement, shown, timed

from fntx_dagster.compliance.entities import party_of
from fntx_dagster.compliance.names import listed_form
from fntx_dagster.compliance.screening import KnownEntity, Screen

ENTITIES = 10_000
_SYLLABLES = "al be chen da fir go ha ib ka li mu na or pe qu ra sa tro vant wei xi yu za".split()  # noqa: SIM905
_PARTIES = ("Muhammad bin Salim al-Tarqani", "Wei Li", "Quillon Maritime Holdings Ltd", "Aurelio Vantrosk", "Rasatro")


def measure() -> list[Measurement]:
    """The figures, and the limit of 0.2 seconds."""
    draw = Random(19)
    words = ["".join(draw.choices(_SYLLABLES, k=draw.randint(1, 4))) for _ in range(6_000)]
    held = Screen(
        KnownEntity(
            str(number),
            "Person",
            tuple(listed_form(" ".join(draw.choices(words, k=draw.randint(2, 5)))) for _ in range(draw.randint(1, 4))),
            (),
            (),
            "",
        )
        for number in range(ENTITIES)
    )
    parties = [party_of(name) for name in _PARTIES]
    ours = median(timed(lambda party=party: held.check(party)) for party in parties for _ in range(3))
    plain = median(timed(lambda party=party: held.check_plainly(party)) for party in parties)
    return [
        Measurement(
            f"screen a party against {ENTITIES:,} entities",
            f"{ours:.3f} s",
            f"plain scan {plain:.2f} s",
            f"{ours / plain:.2f}",
            "0.2 s at most",
        )
    ]


if __name__ == "__main__":
    shown(measure())
