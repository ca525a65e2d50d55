"""Lists in their formats: what is read of them, and which files are refused."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from fntx_dagster.compliance.ofac import ofac_entities
from fntx_dagster.compliance.opensanctions import opensanctions_entities
from fntx_dagster.compliance.rows import ListRefused, require_not_shrunk

HEADER = (
    b"id,schema,name,aliases,birth_date,countries,addresses,identifiers,sanctions,phones,emails,program_ids,dataset,"
    b"first_seen,last_seen,last_change\n"
)
ROW = (
    b'NK-1,Person,Aurelio Vantrosk,"A. Vantrosk;Vantrosk",1961-04-02,zz;FR,,,TEST,,,TEST,made_up,'
    b"2026-01-01,2026-11-01,2026-10-01\n"
)
SDN = (
    b'9000,"VANTROSK, Aurelio","individual","TEST",-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,-0- ,'
    b'"DOB 10 Dec 1948; alt. DOB 1946; POB Zembria."\r\n'
)


def read(*rows: bytes) -> list[tuple[object, ...]]:
    return [tuple(entity) for entity in opensanctions_entities("list.csv", [*rows])]


def test_an_entity_of_opensanctions_is_read_by_the_names_of_the_columns() -> None:
    (entity,) = opensanctions_entities("list.csv", [HEADER, ROW])
    assert entity.names == ("Aurelio Vantrosk", "A. Vantrosk", "Vantrosk")
    assert (entity.birth_dates, entity.countries, entity.row) == (("1961-04-02",), ("zz", "fr"), 2)
    moved = [b"birth_date,countries,name,aliases,id,schema\n", b"1961-04-02,zz;FR,Aurelio Vantrosk,A;B,NK-1,Person\n"]
    (other,) = opensanctions_entities("list.csv", moved)
    assert (other.entity_id, other.names) == ("NK-1", ("Aurelio Vantrosk", "A", "B"))


def test_the_hash_of_a_row_follows_what_the_list_says_and_not_when_it_was_looked_at() -> None:
    def row_hash(row: bytes) -> str:
        (entity,) = opensanctions_entities("list.csv", [HEADER, row])
        return entity.row_hash

    assert row_hash(ROW) == row_hash(ROW.replace(b"2026-11-01", b"2026-11-02"))
    assert row_hash(ROW) != row_hash(ROW.replace(b"TEST", b"LIFTED", 1))


def test_an_entity_of_ofac_has_its_aliases_and_the_years_of_its_remarks() -> None:
    alt = [b'9000,1,"fka","TROSK, Aurelio",-0- \r\n', b'9000,2,"aka",-0- ,-0- \r\n', b"\x1a"]
    (entity,) = ofac_entities([SDN, b"\x1a"], alt, [b'9000,1,"1 Street","Town","Zembria",-0- \r\n'])
    assert entity.names == ("Aurelio VANTROSK", "Aurelio TROSK")
    assert (entity.schema, entity.birth_dates, entity.countries) == ("Person", ("10 Dec 1948", "1946"), ())
    alone = next(ofac_entities([SDN]))
    assert alone.row_hash != entity.row_hash


def test_a_span_of_years_of_birth_is_every_year_of_it() -> None:
    (entity,) = ofac_entities(
        [SDN.replace(b"DOB 10 Dec 1948; alt. DOB 1946", b"DOB 1960 to 1962; alt. DOB circa 1970")]
    )
    assert entity.birth_dates == ("1960", "1961", "1962", "circa 1970")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([b"id,schema,name\n"], "no column aliases"),
        ([], "no column id"),
        ([HEADER.replace(b"phones", b"emails")], "a column twice"),
        ([HEADER, ROW, ROW], "row 3, id 'NK-1' stands in a row before"),
        ([HEADER, b"," + ROW], "row 2: the row has 17 fields and not 16"),
        ([HEADER, ROW.replace(b"NK-1", b"")], "row 2, id '' is no id"),
        ([HEADER, ROW.replace(b"Aurelio", b"Aur\xe9lio")], "is not UTF-8"),
        ([HEADER, ROW.replace(b"Aurelio", b"Aur\0elio")], "row 2: the line holds a control character"),
        ([HEADER, b"," * 1_000_000 + b"\n"], "row 2: the line has more than 1000000 bytes"),
        ([HEADER, b"," * 900_000 + b"\n"], "row 2: the row has 900001 fields"),
        ([HEADER, ROW.replace(b"Aurelio", b"A" * 2001)], "is no name"),
        ([HEADER, ROW.replace(b"zz;FR", b"z" * 200_000)], "the row is no CSV"),
        ([HEADER, ROW.replace(b'"A. Vantrosk;', b'"A. "Vantrosk;')], "the row is no CSV"),
    ],
)
def test_the_first_fault_refuses_a_list_with_file_and_row(rows: list[bytes], words: str) -> None:
    with pytest.raises(ListRefused) as refused:
        read(*rows)
    assert words in str(refused.value)
    assert "list.csv" in str(refused.value)


@pytest.mark.parametrize(
    ("sdn", "alt", "words"),
    [
        ([SDN, SDN], [], "sdn.csv, row 2, number '9000' stands in a row before"),
        ([SDN.replace(b"9000", b"x")], [], "sdn.csv, row 1, number 'x' is no number"),
        ([SDN.replace(b"individual", b"robot")], [], "sdn.csv, row 1, type 'robot' is none of individual"),
        ([SDN.replace(b'"VANTROSK, Aurelio"', b"-0- ")], [], "sdn.csv, row 1, name '' is empty"),
        ([SDN], [b'9000,1,"xka","A",-0- \r\n'], "alt.csv, row 1, type 'xka' is none of aka, fka, nka"),
        ([SDN], [b'9001,1,"aka","A",-0- \r\n'], "alt.csv, row 1, number '9001' is in no row of sdn.csv"),
        ([SDN, b"\x1a", SDN.replace(b"9000", b"1")], [], "row 2: the file goes on behind its end"),
        ([SDN[:60] + b"\r\n"], [], "sdn.csv, row 1"),
    ],
)
def test_the_first_fault_refuses_a_list_of_ofac(sdn: list[bytes], alt: list[bytes], words: str) -> None:
    with pytest.raises(ListRefused) as refused:
        list(ofac_entities(sdn, alt))
    assert words in str(refused.value)


def test_a_list_that_shrank_to_less_than_half_is_refused() -> None:
    require_not_shrunk("list.csv", 50, 100)
    for entities, before in ((49, 100), (0, 0)):
        with pytest.raises(ListRefused, match=r"list\.csv holds"):
            require_not_shrunk("list.csv", entities, before)


def test_a_list_of_any_length_needs_little_memory() -> None:
    def rows() -> Iterator[bytes]:
        yield HEADER
        for number in range(20_000):
            yield ROW.replace(b"NK-1", b"NK-%d" % number)

    tracemalloc.start()
    assert sum(1 for _ in opensanctions_entities("list.csv", rows())) == 20_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8_000_000  # its ids
