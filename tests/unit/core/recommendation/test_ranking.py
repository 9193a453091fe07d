"""From scores to an answer: no excluded article, the share of promoted ones, circumstances, one order."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from c360_core.recommendation.filters import parse
from c360_core.recommendation.named_filters import NamedFilter
from c360_core.recommendation.ranking import Item, Promoted, Taste, rank
from c360_core.recommendation.request import Context, Device, Reason, part_of_day, promoted_places

CATEGORIES = ("BAKERY", "MEAT", "SPIRITS")
IDS = [f"i{number}" for number in range(12)]


@st.composite
def catalogues(draw: st.DrawFn) -> dict[str, Item]:
    """Articles of some categories, some of them not offered or not for everybody."""
    flags = st.sampled_from(("True", "False"))
    return {
        name: Item(
            item_id=name,
            attributes={
                "CATEGORY": draw(st.sampled_from(CATEGORIES)),
                "OFFERED": draw(flags),
                "AGE_RESTRICTED": draw(flags),
            },
            popularity=draw(st.floats(0, 1)),
            lifts={"DEVICE=web": draw(st.floats(0.1, 5))},
        )
        for name in draw(st.sets(st.sampled_from(IDS), min_size=1))
    }


tastes = st.builds(
    Taste,
    scores=st.dictionaries(st.sampled_from(IDS), st.floats(0, 1)),
    events=st.fixed_dictionaries({"order_placed": st.frozensets(st.sampled_from(IDS))}),
)
categories = st.lists(st.sampled_from(CATEGORIES), min_size=1, unique=True)


@given(
    catalogues(), tastes, st.sampled_from(NamedFilter), categories, categories, st.integers(1, 100), st.integers(1, 12)
)
def test_no_excluded_article_is_recommended(  # each thing that changes an answer
    catalogue: dict[str, Item],
    taste: Taste,
    name: NamedFilter,
    asked: list[str],
    promoted: list[str],
    percent: int,
    number: int,
) -> None:
    """Neither by a person's own scores, nor because it is popular or promoted; and no article is there twice."""
    values = {"CATEGORIES": asked, "PROMOTED": promoted}
    found = rank(
        catalogue,
        taste,
        number=number,
        context=Context(device=Device.WEB).fields(),
        rule=parse(name.expression),
        values=values,
        promoted=Promoted(rule=parse(name.promoted_expression), values=values, percent=percent),
    )
    for one in found:
        attributes = catalogue[one.item_id].attributes
        assert (attributes["OFFERED"], attributes["AGE_RESTRICTED"]) == ("True", "False")
        if name is NamedFilter.NOT_BOUGHT:
            assert one.item_id not in taste.events["order_placed"]
        if name.takes_categories:
            assert (attributes["CATEGORY"] in asked) is (name is NamedFilter.ONLY_CATEGORIES)
        if one.reason is Reason.PROMOTED:
            assert attributes["CATEGORY"] in promoted
    assert len({one.item_id for one in found}) == len(found) <= number
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


@given(catalogues(), tastes, categories, st.integers(1, 100), st.integers(1, 12))
def test_promoted_articles_get_their_share(
    catalogue: dict[str, Item], taste: Taste, promoted: list[str], percent: int, number: int
) -> None:
    """Exactly the share where there are so many, and all of them where there are fewer."""
    rule = parse(NamedFilter.ALL.promoted_expression)
    values = {"PROMOTED": promoted}
    found = rank(
        catalogue,
        taste,
        number=number,
        context={},
        promoted=Promoted(rule=rule, values=values, percent=percent),
    )
    there = sum(rule.passes(name, item.attributes, {}, values) for name, item in catalogue.items())
    marked = sum(one.reason is Reason.PROMOTED for one in found)
    assert marked == min(there, promoted_places(number, percent))


@given(catalogues(), tastes, st.integers(1, 12), st.randoms(use_true_random=False))
def test_the_same_question_has_the_same_answer(
    catalogue: dict[str, Item], taste: Taste, number: int, random: "st.RandomType"
) -> None:
    """Whatever the order in which articles and scores are kept."""

    def shuffled(kept: Mapping[str, object]) -> dict[str, object]:
        names = list(kept)
        random.shuffle(names)
        return {name: kept[name] for name in names}

    other = Taste(scores=shuffled(taste.scores), events=taste.events)  # type: ignore[arg-type]
    first = rank(catalogue, taste, number=number, context={})
    assert rank(shuffled(catalogue), other, number=number, context={}) == first  # type: ignore[arg-type]


def test_circumstances_change_the_order() -> None:
    """What is wanted on Sundays comes first on a Sunday, and an unknown circumstance changes nothing."""
    catalogue = {
        "bread": Item(item_id="bread", popularity=0.5, lifts={"WEEKDAY=sunday": 0.6}),
        "cake": Item(item_id="cake", popularity=0.4, lifts={"WEEKDAY=sunday": 1.8}),
    }
    taste = Taste(scores={"bread": 1.0, "cake": 0.9})

    def first(day: str | None) -> str:
        return rank(catalogue, taste, number=1, context=Context(day=day).fields())[0].item_id

    assert (first(None), first("monday"), first("sunday")) == ("bread", "bread", "cake")


def test_who_has_no_history_gets_what_is_popular() -> None:
    """In the order of popularity, and with that reason."""
    catalogue = {name: Item(item_id=name, popularity=share) for name, share in (("a", 0.2), ("b", 0.7), ("c", 0.1))}
    found = rank(catalogue, Taste(), number=2, context={})
    assert [(one.item_id, one.reason) for one in found] == [("b", Reason.POPULAR), ("a", Reason.POPULAR)]


def test_popular_articles_fill_up_behind_the_persons_own() -> None:
    """A filter may leave few of a person's own."""
    catalogue = {name: Item(item_id=name, popularity=share) for name, share in (("a", 0.1), ("b", 0.9))}
    found = rank(catalogue, Taste(scores={"a": 0.01}), number=2, context={})
    assert [(one.item_id, one.reason) for one in found] == [("a", Reason.PERSONAL), ("b", Reason.POPULAR)]


def test_the_parts_of_a_day() -> None:
    """Each hour has one."""
    names = [part_of_day(hour) for hour in range(24)]
    assert names == ["night"] * 6 + ["morning"] * 6 + ["afternoon"] * 6 + ["evening"] * 6
