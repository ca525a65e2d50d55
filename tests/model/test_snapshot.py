from fntx_dagster.model.snapshot import execution_id


def test_an_execution_id_has_a_root_and_the_version_of_its_correction() -> None:
    assert execution_id("0000.a.10") == ("0000.a", 10)
    assert execution_id("plain") == ("plain", 0)
