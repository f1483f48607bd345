"""Ids: TypeIDs in order."""

from __future__ import annotations

import os
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crmkit.errors import DefinitionError, InvalidInput
from crmkit.kernel.ids import IdSource, check_id, id_of, id_time, uuid_of

NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
NIL, LARGEST = "0" * 26, "7" + "z" * 25

# The valid vectors of the TypeID specification: text, prefix, UUID.
VECTORS = [
    (NIL, "", "00000000-0000-0000-0000-000000000000"),
    ("00000000000000000000000001", "", "00000000-0000-0000-0000-000000000001"),
    ("0000000000000000000000000a", "", "00000000-0000-0000-0000-00000000000a"),
    ("0000000000000000000000000g", "", "00000000-0000-0000-0000-000000000010"),
    ("00000000000000000000000010", "", "00000000-0000-0000-0000-000000000020"),
    (LARGEST, "", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    ("prefix_0123456789abcdefghjkmnpqrs", "prefix", "0110c853-1d09-52d8-d73e-1194e95b5f19"),
    ("prefix_01h455vb4pex5vsknk084sn02q", "prefix", "01890a5d-ac96-774b-bcce-b302099a8057"),
    ("pre_fix_00000000000000000000000000", "pre_fix", "00000000-0000-0000-0000-000000000000"),
]
MALFORMED = {
    "upper-case prefix": f"PREFIX_{NIL}",
    "digits in the prefix": f"12345_{NIL}",
    "full stop in the prefix": f"pre.fix_{NIL}",
    "prefix beyond ASCII": f"préfix_{NIL}",
    "spaces in the prefix": f"  prefix_{NIL}",
    "prefix of 64 letters": f"{'a' * 64}_{NIL}",
    "empty prefix with its separator": f"_{NIL}",
    "nothing": "",
    "the separator alone": "_",
    "prefix begins with _": f"_prefix_{NIL}",
    "prefix ends with _": f"prefix__{NIL}",
    "suffix too short": "prefix_1234567890123456789012345",
    "suffix too long": "prefix_123456789012345678901234567",
    "spaces in the suffix": "prefix_1234567890123456789012345 ",
    "upper-case suffix": "prefix_0123456789ABCDEFGHJKMNPQRS",
    "hyphens in the suffix": "prefix_123456789-123456789-123456",
    "letters that base32 has not": "prefix_ooooooiiiiiiuuuuuuulllllll",
    "letters of Crockford's reader": "prefix_i23456789ol23456789oi23456",
    "more than 128 bits": "prefix_8zzzzzzzzzzzzzzzzzzzzzzzzz",
    "line end": f"prefix_{NIL}\n",
}
instants = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
prefixes = st.from_regex(r"[a-z]([a-z_]{0,61}[a-z])?", fullmatch=True)


@pytest.mark.parametrize(("text", "prefix", "uuid"), VECTORS)
def test_vectors_of_the_specification(text: str, prefix: str, uuid: str) -> None:
    assert uuid_of(text) == UUID(uuid)
    if prefix:
        assert id_of(prefix, UUID(uuid)) == text


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_malformed_texts_of_the_specification(text: str) -> None:
    with pytest.raises(InvalidInput, match="is no id"):
        uuid_of(text)
    with pytest.raises(InvalidInput, match="expected a thing id"):
        check_id(text, "prefix", what="thing")


@given(prefixes, st.uuids())
def test_a_uuid_survives_the_way_there_and_back(prefix: str, uuid: UUID) -> None:
    assert uuid_of(id_of(prefix, uuid)) == uuid
    assert check_id(id_of(prefix, uuid), prefix, what="thing") == id_of(prefix, uuid)


@given(st.uuids(), st.uuids())
def test_text_sorts_as_the_uuid_does(one: UUID, other: UUID) -> None:
    assert (id_of("cus", one) < id_of("cus", other)) == (one < other)


@given(prefixes, instants)
def test_a_new_id_is_a_uuid_of_version_7_that_knows_its_time(prefix: str, now: datetime) -> None:
    fresh = IdSource(seed=7).new(prefix, now)
    uuid = uuid_of(check_id(fresh, prefix, what="thing"))
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")
    assert id_time(fresh) == now - timedelta(microseconds=now.microsecond % 1000)


@given(st.lists(instants, min_size=2, max_size=50))
def test_ids_increase_even_when_the_clock_goes_back(moments: list[datetime]) -> None:
    source = IdSource(seed=1)
    ids = [source.new("cus", now) for now in moments for _ in range(2)]
    assert all(earlier < later for earlier, later in pairwise(ids))


def test_ids_increase_while_the_clock_stands_still() -> None:
    source = IdSource()
    ids = [source.new("cus", NOW) for _ in range(50_000)]
    assert all(earlier < later for earlier, later in pairwise(ids))
    assert {id_time(ids[0]), id_time(ids[-1])} == {NOW}


def test_a_full_counter_goes_on_in_the_next_millisecond() -> None:
    source = IdSource(lambda size: b"\xff" * size)
    last = source.new("cus", NOW)
    source._high = (1 << 34) - 1
    source._low = (1 << 40) - 1
    following = [source.new("cus", NOW) for _ in range(3)]
    assert last < following[0] < following[1] < following[2]
    assert id_time(following[0]) == NOW + timedelta(milliseconds=1)


def test_threads_share_a_source() -> None:
    source = IdSource()

    def make(_: int) -> list[str]:
        return [source.new("cus", NOW) for _ in range(2000)]

    with ThreadPoolExecutor(8) as pool:
        batches = list(pool.map(make, range(8)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({one for batch in batches for one in batch}) == 16_000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Python 3.12 warns of threads that this test has not
def test_a_forked_process_makes_other_ids() -> None:
    source = IdSource()
    before = source.new("cus", NOW)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, " ".join(source.new("cus", NOW) for _ in range(100)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, 10_000).decode().split()
    ours = [source.new("cus", NOW) for _ in range(100)]
    os.close(reader)
    os.close(writer)
    assert len(theirs) == 100
    assert min(theirs) > before
    assert not set(theirs) & set(ours)


def test_a_seed_repeats_ids_and_nothing_else_does() -> None:
    assert IdSource(seed=1).new("cus", NOW) == IdSource(seed=1).new("cus", NOW)
    assert IdSource(seed=1).new("cus", NOW) != IdSource(seed=2).new("cus", NOW)
    assert IdSource().new("cus", NOW) != IdSource().new("cus", NOW)


def test_any_zone_will_do_but_a_zone_there_must_be() -> None:
    shanghai = NOW.astimezone(timezone(timedelta(hours=8)))
    assert id_time(IdSource().new("cus", shanghai)) == NOW
    with pytest.raises(InvalidInput, match="naive"):
        IdSource().new("cus", NOW.replace(tzinfo=None))
    with pytest.raises(InvalidInput, match="begins at 1970"):
        IdSource().new("cus", NOW.replace(year=1969))


def test_refused_times_leave_the_source_as_it_was() -> None:
    source = IdSource(seed=1)
    naive = NOW.replace(tzinfo=None)
    for _ in range(2):
        with pytest.raises(InvalidInput):
            source.new("cus", naive)
    assert source.new("cus", NOW) == IdSource(seed=1).new("cus", NOW)


@pytest.mark.parametrize("prefix", ["", "Cus", "cus_", "_cus", "c1", "a" * 64, "cüs", "cus\n"])
def test_malformed_prefixes(prefix: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be the prefix of ids"):
        IdSource().new(prefix, NOW)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "got None"),
        (42, "got 42 (int)"),
        ("lead_01h455vb4pex5vsknk084sn02q", "its prefix is 'lead'"),
        ("cus_01h455vb4pex5vsknk084sn0", "26 characters 0-9 and a-z (without i, l, o, u) must follow the prefix"),
        ("Xiao Wang", "got 'Xiao Wang'"),
        ("x" * 100_000, f"got '{'x' * 79}…"),
    ],
)
def test_a_wrong_id_says_what_was_expected(value: Any, reason: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(reason)) as caught:
        check_id(value, "cus", what="customer")
    assert str(caught.value).startswith("expected a customer id (cus_…), got ")


def test_articles() -> None:
    with pytest.raises(InvalidInput, match="expected an order id"):
        check_id(None, "ord", what="order")


@given(st.text(max_size=40) | st.none() | st.integers() | st.binary())
def test_nothing_but_ids_passes(value: Any) -> None:
    with pytest.raises(InvalidInput):
        check_id(value, "cus", what="customer")
    for function in (uuid_of, id_time):
        with pytest.raises(InvalidInput):
            function(value)


def test_times_that_are_none() -> None:
    with pytest.raises(InvalidInput, match="version 4, not 7"):
        id_time(id_of("cus", UUID("5b6a0ee4-9c6f-4bd4-8d7b-3d9ff0e1d5a1")))
    with pytest.raises(InvalidInput, match="after the year 9999"):
        id_time(id_of("cus", UUID("ffffffff-ffff-7fff-bfff-ffffffffffff")))
