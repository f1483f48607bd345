"""State machines: what a table may say, what moves, how a refusal helps, and how a machine is changed and stored."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crmkit import CRM, DefinitionError, Entity, InvalidInput, Machine, TransitionRefused, attribute, entity, on
from crmkit.kernel.machine import Guard, Move, reachable
from crmkit.kernel.stays import Moved
from crmkit.testing.strategies import walks

BORN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LATER = BORN + timedelta(days=3)

with CRM.open() as _crm:
    SHIPPED = dict(_crm.machines)


@entity("parcel", prefix="par")
class Parcel(Entity):
    customer_id: str | None = attribute(default=None)
    weight: int = attribute(default=1)
    address: str | None = attribute(default=None)
    note: str | None = attribute(default=None)
    stage: str = attribute(default="packed")
    stage_since: datetime = attribute()


def light_enough(parcel: Parcel) -> str | None:
    return None if parcel.weight <= 30 else f"{parcel.weight} kg is too heavy"


def has_an_address(parcel: Parcel) -> str | None:
    return None if parcel.address else "it has no address"


GUARDS: Mapping[str, Guard] = {"light_enough": light_enough, "has_an_address": has_an_address}


def parcels() -> Machine:
    return Machine(
        "parcel",
        initial="packed",
        final={"delivered", "lost"},
        table=(
            on("send", "packed", "under way", when=(light_enough, has_an_address)),
            on("deliver", "under way", "delivered", needs="signature"),
            on("return", "under way", "packed"),
            on("lose", {"packed", "under way"}, "lost", needs=("reason", "finder")),
        ),
        labels={"under way": "On the road"},
    )


def parcel(**values: Any) -> Parcel:
    return Parcel(id="par_1", created_at=BORN, stage_since=BORN, **values)


# ── What a table may say ──


def test_a_final_state_must_occur_in_the_table() -> None:
    with pytest.raises(DefinitionError, match=r"machine door: no move leads to or from 'walled up'"):
        Machine("door", initial="open", final={"walled up", "shut"}, table=(on("shut", "open", "shut"),))


def test_a_label_must_belong_to_a_state() -> None:
    with pytest.raises(DefinitionError, match=r"no move leads to or from 'ajar'"):
        Machine("door", initial="open", final={"shut"}, table=(on("shut", "open", "shut"),), labels={"ajar": "Ajar"})


def test_every_state_must_be_within_reach() -> None:
    with pytest.raises(DefinitionError, match=r"'broken' cannot be reached from 'open'"):
        Machine(
            "door", initial="open", final={"shut"}, table=(on("shut", "open", "shut"), on("mend", "broken", "open"))
        )


def test_a_state_without_a_way_out_must_be_declared_final() -> None:
    with pytest.raises(DefinitionError, match=r"'shut' is a dead end; give it a way out or declare it final"):
        Machine("door", initial="open", table=(on("shut", "open", "shut"),))


def test_a_state_has_one_move_for_a_trigger() -> None:
    with pytest.raises(DefinitionError, match=r"two moves for 'shut' from 'open'; keep one"):
        Machine(
            "door",
            initial="open",
            final={"shut", "slammed"},
            table=(on("shut", "open", "shut"), on("shut", "open", "slammed")),
        )


def test_states_are_told_in_the_order_of_the_table() -> None:
    assert parcels().states[:3] == ("packed", "under way", "delivered")
    assert reachable("under way", parcels().moves) == {"packed", "under way", "delivered", "lost"}
    assert reachable("delivered", parcels().moves) == {"delivered"}


# ── Refusals ──


def test_a_refusal_names_every_failing_guard_and_what_is_allowed_instead() -> None:
    with pytest.raises(TransitionRefused) as caught:
        parcels().target("packed", "send", parcel(weight=31))
    refusal = caught.value
    assert refusal.reasons == ("31 kg is too heavy", "it has no address")
    assert refusal.offers == ("send", "lose")
    assert str(refusal) == (
        "cannot send a parcel that is packed: 31 kg is too heavy; it has no address (allowed now: send, lose)"
    )


def test_only_the_guards_that_fail_are_named() -> None:
    with pytest.raises(TransitionRefused) as caught:
        parcels().target("packed", "send", parcel(weight=31, address="Chengdu"))
    assert caught.value.reasons == ("31 kg is too heavy",)
    assert parcels().target("packed", "send", parcel(weight=30, address="Chengdu")) == "under way"


@pytest.mark.parametrize("missing", [{}, {"reason": None}, {"reason": ""}])
def test_every_fact_that_a_move_needs_must_be_given(missing: dict[str, Any]) -> None:
    with pytest.raises(TransitionRefused) as caught:
        parcels().target("packed", "lose", parcel(), **missing)
    assert caught.value.reasons == ("it needs a reason", "it needs a finder")
    with pytest.raises(TransitionRefused) as caught:
        parcels().target("packed", "lose", parcel(), reason="storm")
    assert caught.value.reasons == ("it needs a finder",)
    assert parcels().target("packed", "lose", parcel(), reason="storm", finder="nobody") == "lost"


def test_a_fact_may_be_of_any_type() -> None:
    assert parcels().target("packed", "lose", parcel(), reason=["storm", "flood"], finder={"name": "Wu"}) == "lost"
    with pytest.raises(TransitionRefused, match="it needs a finder"):
        parcels().target("packed", "lose", parcel(), reason=["storm"])


def test_a_misspelt_trigger_is_answered_with_the_nearest() -> None:
    with pytest.raises(TransitionRefused, match=r"there is no 'delivr', did you mean 'deliver'\?"):
        parcels().target("packed", "delivr")


def test_a_trigger_of_another_state_is_refused() -> None:
    with pytest.raises(TransitionRefused, match="there is no such move from that state") as caught:
        parcels().target("packed", "deliver", signature="Wang")
    assert caught.value.offers == ("send", "lose")


def test_nothing_leads_out_of_a_final_state() -> None:
    with pytest.raises(TransitionRefused, match="nothing is allowed any more: the state is final") as caught:
        parcels().target("lost", "send", parcel())
    assert caught.value.offers == ()


def test_an_unknown_state_is_called_so() -> None:
    with pytest.raises(TransitionRefused, match="'melted' is not a state of the machine parcel"):
        parcels().target("melted", "send", parcel())


def test_a_refusal_survives_the_way_to_another_process() -> None:
    with pytest.raises(TransitionRefused) as caught:
        parcels().target("packed", "send", parcel(weight=31))
    copy = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - our own bytes
    assert (copy.machine, copy.state, copy.trigger) == ("parcel", "packed", "send")
    assert (copy.reasons, copy.offers, str(copy)) == (caught.value.reasons, caught.value.offers, str(caught.value))


def test_toward_finds_the_trigger_between_two_states() -> None:
    machine = parcels()
    assert machine.toward("packed", "under way") == "send"
    assert machine.toward("under way", "packed") == "return"
    with pytest.raises(TransitionRefused, match="cannot move to delivered a parcel that is packed"):
        machine.toward("packed", "delivered")
    with pytest.raises(InvalidInput, match=r"'deliverd' is not a state of the machine parcel, did you mean 'deliv"):
        machine.toward("packed", "deliverd")
    with pytest.raises(InvalidInput, match="the states are packed, under way, delivered, lost"):
        machine.toward("packed", "xyz")


# ── A step of an entity ──


def test_a_step_moves_the_entity_and_says_so() -> None:
    before = parcel(address="Chengdu", customer_id="cus_1")
    change = parcels().step(before, "send", now=LATER, changes={"note": "fragile"}, carrier="SF", reason=None)
    assert (before.stage, before.stage_since, before.note) == ("packed", BORN, None)
    assert (change.after.stage, change.after.stage_since, change.after.note) == ("under way", LATER, "fragile")
    assert change.events == (
        Moved(
            subject_id="par_1",
            customer_id="cus_1",
            machine="parcel",
            field="stage",
            trigger="send",
            source="packed",
            target="under way",
            entered_at=BORN,
            facts={"carrier": "SF"},
        ),
    )


def test_a_refused_step_leaves_the_entity_alone() -> None:
    before = parcel()
    with pytest.raises(TransitionRefused, match="it has no address"):
        parcels().step(before, "send", now=LATER, changes={"note": "fragile"})
    assert before == parcel()


def test_a_step_checks_what_changes_with_it() -> None:
    with pytest.raises(InvalidInput, match=r"parcel\.weight must be a whole number"):
        parcels().step(parcel(address="Chengdu"), "send", now=LATER, changes={"weight": "heavy"})


# ── Print ──


def test_a_machine_prints_as_a_mermaid_diagram() -> None:
    assert format(parcels(), "mermaid").splitlines() == [
        "stateDiagram-v2",
        '    state "packed" as s0',
        '    state "On the road" as s1',
        '    state "delivered" as s2',
        '    state "lost" as s3',
        "    [*] --> s0",
        "    s0 --> s1: send",
        "    s1 --> s2: deliver",
        "    s1 --> s0: return",
        "    s0 --> s3: lose",
        "    s1 --> s3: lose",
        "    s2 --> [*]",
        "    s3 --> [*]",
    ]


def test_a_machine_prints_as_a_table_with_what_each_move_needs() -> None:
    lines = format(parcels(), "md").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert cells[0] == ["from", "trigger", "to", "needs"]
    assert cells[2] == ["packed", "send", "On the road", "light enough, has an address"]
    assert cells[3] == ["On the road", "deliver", "delivered", "signature"]
    assert len(cells) == 2 + len(parcels().moves)


def test_a_machine_shows_in_a_notebook_and_escapes_what_it_says() -> None:
    html = parcels().relabelled({"lost": "<b>gone</b>"})._repr_html_()
    assert "<table" in html
    assert "On the road" in html
    assert "&lt;b&gt;gone&lt;/b&gt;" in html
    assert "<b>gone" not in html


def test_a_machine_refuses_an_unknown_form() -> None:
    with pytest.raises(InvalidInput, match="prints as 'mermaid' or 'md', not as 'svg'"):
        format(parcels(), "svg")
    assert f"{parcels()}" == repr(parcels()) == "<Machine parcel: 4 states, 5 moves>"


# ── A changed machine is a new machine ──


def test_insert_puts_a_state_on_the_way() -> None:
    old = parcels()
    new = old.insert("at customs", between=("packed", "under way"), trigger="declare")
    assert new.target("packed", "declare") == "at customs"
    assert new.target("at customs", "send", parcel(address="Chengdu")) == "under way"
    with pytest.raises(TransitionRefused, match="it has no address"):
        new.target("at customs", "send", parcel())
    with pytest.raises(TransitionRefused):
        new.target("packed", "send", parcel(address="Chengdu"))
    assert old == parcels()
    assert "at customs" not in old.states


def test_insert_names_the_trigger_after_the_state_unless_told_otherwise() -> None:
    assert parcels().insert("weighed", between=("packed", "under way")).offers("packed") == ("weighed", "lose")


def test_insert_takes_all_direct_moves_along() -> None:
    lamp = Machine(
        "lamp", initial="off", table=(on("press", "off", "on"), on("clap", "off", "on"), on("cut", "on", "off"))
    )
    dim = lamp.insert("dim", between=("off", "on"))
    assert dim.offers("off") == ("dim",)
    assert dim.offers("dim") == ("press", "clap")


def test_insert_needs_a_direct_move() -> None:
    with pytest.raises(DefinitionError, match="nothing moves from 'packed' to 'delivered'"):
        parcels().insert("at customs", between=("packed", "delivered"))


def test_with_moves_adds_states() -> None:
    old = parcels()
    new = old.with_moves(on("park", "under way", "in storage"), on("fetch", "in storage", "under way"))
    assert new.target(new.target("under way", "park"), "fetch") == "under way"
    assert old == parcels()
    with pytest.raises(DefinitionError, match="'in storage' is a dead end"):
        old.with_moves(on("park", "under way", "in storage"))
    with pytest.raises(DefinitionError, match="two moves for 'send' from 'packed'"):
        old.with_moves(on("send", "packed", "delivered"))


def test_without_leaves_out_what_only_the_triggers_reached() -> None:
    old = parcels()
    new = old.without("lose")
    assert new.states == ("packed", "under way", "delivered")
    assert new.final == {"delivered"}
    assert old == parcels()
    with pytest.raises(DefinitionError, match="machine parcel has no 'burn' to leave out"):
        old.without("burn")


def test_without_forgets_the_labels_of_the_states_that_go() -> None:
    labelled = parcels().relabelled({"lost": "Gone"})
    assert labelled.without("lose").labels == {"under way": "On the road"}


def test_relabelled_changes_only_what_is_printed() -> None:
    old = parcels()
    new = old.relabelled({"lost": "Gone"})
    assert (new.label("lost"), new.label("under way"), new.label("packed")) == ("Gone", "On the road", "packed")
    assert new.states == old.states
    assert new != old
    assert old == parcels()
    with pytest.raises(DefinitionError, match="'melted'"):
        old.relabelled({"melted": "Melted"})


def test_equal_machines_have_equal_hashes() -> None:
    assert parcels() == parcels()
    assert hash(parcels()) == hash(parcels())
    assert parcels() != "parcel"


# ── JSON ──


def test_a_machine_survives_json_with_its_guards() -> None:
    stored = json.loads(json.dumps(parcels().to_json()))
    loaded = Machine.from_json(stored, guards=GUARDS)
    assert loaded == parcels()
    with pytest.raises(TransitionRefused, match="it has no address"):
        loaded.target("packed", "send", parcel())


def test_a_guard_that_was_not_given_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"lacks 'has_an_address', or names a guard that was not given"):
        Machine.from_json(parcels().to_json(), guards={"light_enough": light_enough})


@pytest.mark.parametrize("key", ["machine", "field", "initial", "final", "labels", "moves"])
def test_json_without_a_part_is_refused(key: str) -> None:
    spec = parcels().to_json()
    del spec[key]
    with pytest.raises(DefinitionError, match=f"lacks '{key}'"):
        Machine.from_json(spec, guards=GUARDS)


@pytest.mark.parametrize("key", ["trigger", "from", "to", "when", "needs"])
def test_json_with_an_incomplete_move_is_refused(key: str) -> None:
    spec = parcels().to_json()
    del spec["moves"][0][key]
    with pytest.raises(DefinitionError, match=f"lacks '{key}'"):
        Machine.from_json(spec, guards=GUARDS)


def test_wrongly_formed_json_is_refused() -> None:
    with pytest.raises(DefinitionError, match="wrongly formed"):
        Machine.from_json({**parcels().to_json(), "moves": 7})
    with pytest.raises(DefinitionError, match="is a dead end"):
        Machine.from_json({**parcels().to_json(), "final": ["lost"]}, guards=GUARDS)


# ── Every machine that ships ──


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_machine_survives_json(name: str) -> None:
    machine = SHIPPED[name]
    guards = {guard.__name__: guard for move in machine.moves for guard in move.when}
    assert Machine.from_json(json.loads(json.dumps(machine.to_json())), guards=guards) == machine


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_a_shipped_machine_prints(name: str) -> None:
    machine = SHIPPED[name]
    diagram = format(machine, "mermaid").splitlines()
    assert len(diagram) == 2 + len(machine.states) + len(machine.moves) + len(machine.final)
    assert len(format(machine, "md").splitlines()) == 2 + len(machine.moves)
    assert machine._repr_html_().count("<tr>") == 1 + len(machine.moves)


@settings(max_examples=300)
@given(st.sampled_from(sorted(SHIPPED)), st.data())
def test_every_walk_makes_legal_moves_only_and_ends_in_a_declared_state(name: str, data: st.DataObject) -> None:
    machine = _unguarded(SHIPPED[name])
    state = machine.initial
    for move in data.draw(walks(SHIPPED[name])):
        assert move in SHIPPED[name].moves
        assert move.trigger in machine.offers(state)
        state = machine.target(state, move.trigger)
        assert state == move.target
    assert state in machine.states
    assert machine.offers(state) or state in machine.final


@settings(max_examples=300)
@given(st.sampled_from(sorted(SHIPPED)), st.data())
def test_every_refusal_offers_what_is_allowed_and_nothing_else(name: str, data: st.DataObject) -> None:
    machine = _unguarded(SHIPPED[name])
    state = data.draw(st.sampled_from(machine.states))
    trigger = data.draw(st.sampled_from(sorted({m.trigger for m in machine.moves})) | st.text(max_size=8))
    allowed = {m.trigger: m.target for m in machine.moves if m.source == state}
    if trigger in allowed:
        assert machine.target(state, trigger) == allowed[trigger]
        return
    with pytest.raises(TransitionRefused) as caught:
        machine.target(state, trigger)
    assert caught.value.reasons
    assert {offer: machine.target(state, offer) for offer in caught.value.offers} == allowed


def _unguarded(machine: Machine) -> Machine:
    """The same moves, without guards and needs."""
    return Machine(
        machine.name,
        initial=machine.initial,
        final=machine.final,
        table=tuple(Move(m.trigger, m.source, m.target) for m in machine.moves),
        field=machine.field,
        labels=machine.labels,
    )
