from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyterrascope.errors import TargetInvalid
from ipyterrascope.transfer import Action, Item, items_from, plan
from ipyterrascope.transfer.layout import Trail
from ipyterrascope.transfer.plan import Here, Present

FOLDER = Path("/target")
segments = st.sampled_from(
    ["p", "P", "q", "..", "%2e%2e", "a%2Fb", "f.tif", "F.tif", "stra%C3%9Fe", "STRASSE", "nul", "é", "e\u0301"]
)
urls = st.builds(
    lambda host, path, query: f"https://{host}/{'/'.join(path)}{query}",
    st.sampled_from(["h", "i.example", "h:8443"]),
    st.lists(segments, min_size=1, max_size=4).filter(lambda path: path[-1] not in ("..", "%2e%2e")),
    st.sampled_from(["", "?a=1", "?a=2"]),
)
presents = st.one_of(
    st.none(), st.builds(Present, st.sampled_from(["file", "folder", "other"]), st.integers(min_value=0, max_value=2))
)


def nothing(_: Trail) -> None:
    return None


def relative(actions: list[Action]) -> list[str]:
    return [action.path.relative_to(FOLDER).as_posix() for action in actions]


def folded(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path)).casefold()


items = st.builds(
    lambda url, folder, size, local: Item(url, items_from(url)[0].name, size, local, folder=folder),
    urls,
    st.sampled_from(["", "", "p", "p/q", "f.tif"]),
    st.sampled_from([None, 0, 1]),
    st.sampled_from([None, "/data/0", "/data/1"]),
)


def size_here(item: Item) -> int | None:
    """What lies on this machine: a file of one byte, where its catalogue says the same or nothing."""
    return 1 if item.local_path == "/data/1" and item.size_bytes in (None, 1) else None


@pytest.mark.soak
@given(
    st.lists(items, max_size=12),
    st.dictionaries(st.sampled_from(["p", "q", "f.tif", "F.tif"]), presents),
    st.booleans(),
    st.sampled_from([None, Here("link", size_here), Here("copy", size_here)]),
    st.integers(0, 2),
)
def test_targets_are_unique_and_inside(
    batch: list[Item], existing: dict[str, Present | None], overwrite: bool, here: Here | None, part: int
) -> None:
    """For any mix of items and of what is there: no two downloads share a target, no target is another's folder, none
    leaves the folder, nothing of another size is replaced unasked, and each does what is least to do."""
    actions = plan(
        batch,
        FOLDER,
        lambda trail: existing.get(trail[-1]),
        overwrite=overwrite,
        unfinished=lambda trail, item: part,
        here=here,
    )
    assert [action.item.url for action in actions] == [item.url for item in batch]
    to_do = [action for action in dict.fromkeys(actions) if action.do != "conflict"]
    targets = [folded(action.path) for action in to_do]
    assert len(set(targets)) == len(targets)
    for action in to_do:
        assert FOLDER.joinpath(action.item.folder) in action.path.parents
        assert ".." not in action.path.parts
        assert not {folded(parent) for parent in action.path.parents} & set(targets)
        parts = action.path.relative_to(FOLDER).parts
        # what is in a folder that is not there is not there
        depth = next((depth for depth, part in enumerate(parts) if existing.get(part) is None), len(parts))
        *parents, present = (existing.get(part) if place < depth else None for place, part in enumerate(parts))
        assert all(parent.kind == "folder" for parent in parents if parent)
        item = action.item
        assert present is None or present.kind == "file"
        here_bytes = size_here(item) if here else None
        if present is None or overwrite:
            assert (action.do, action.here_bytes) == ((here.do, 1) if here and here_bytes else ("fetch", None))
            assert action.part_bytes == (part if action.do == "fetch" else 0)
        elif (size := here_bytes if item.size_bytes is None else item.size_bytes) is None:
            assert (action.do, action.present_bytes) == ("fetch", present.size_bytes)
        else:
            assert (action.do, size) == ("skip", present.size_bytes)


@pytest.mark.soak
@given(st.lists(urls, max_size=12), st.randoms(use_true_random=False))
def test_layout_does_not_depend_on_the_order(batch: list[str], random: object) -> None:
    """The same batch in another order goes to the same places."""
    shuffled = list(batch)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = plan(items_from(batch), FOLDER, nothing), plan(items_from(shuffled), FOLDER, nothing)
    assert {a.item.url: a.path for a in before} == {a.item.url: a.path for a in after}


def test_flat_where_names_are_unique() -> None:
    """Files with names of their own lie flat in the folder."""
    assert relative(plan(items_from(["https://h/a/x.tif", "https://h/a/y.tif"]), FOLDER, nothing)) == ["x.tif", "y.tif"]


def test_product_folder_where_names_collide() -> None:
    """Only files whose names collide go into the folders of their products."""
    batch = ["https://h/d/S2A/CLASS.tif", "https://h/d/S2B/CLASS.tif", "https://h/d/S2B/B02.tif"]
    assert relative(plan(items_from(batch), FOLDER, nothing)) == ["S2A/CLASS.tif", "S2B/CLASS.tif", "B02.tif"]


def test_letter_case_does_not_tell_names_apart() -> None:
    """On macOS and Windows `A.tif` and `a.tif` are one file, so they collide everywhere."""
    assert relative(plan(items_from(["https://h/p/A.tif", "https://h/q/a.tif"]), FOLDER, nothing)) == [
        "p/A.tif",
        "q/a.tif",
    ]


def test_deeper_where_products_collide() -> None:
    """Files of the same name and product take more of their addresses, as far as the host."""
    batch = ["https://h/1/p/f", "https://h/2/p/f", "https://i/2/p/f"]
    assert relative(plan(items_from(batch), FOLDER, nothing)) == ["1/p/f", "h/2/p/f", "i/2/p/f"]


@pytest.mark.timeout(60)
def test_deep_addresses_that_collide() -> None:
    """A thousand addresses of hundreds of equal folders are planned in one pass, and no path gets endlessly deep."""
    batch = [f"https://h/{number}/{'a/' * 400}f.tif" for number in range(1000)]
    assert {action.do for action in plan(items_from(batch), FOLDER, nothing)} == {"conflict"}
    [action, _] = plan(items_from([f"https://h/{'a/' * 400}{product}/f.tif" for product in "pq"]), FOLDER, nothing)
    assert action.path == FOLDER / "p" / "f.tif"
    [action, _] = plan(items_from([f"https://h/{number}/{'a/' * 11}f.tif" for number in "12"]), FOLDER, nothing)
    assert action.path == FOLDER.joinpath("1", *"a" * 11, "f.tif")


def test_a_file_never_takes_the_name_of_a_folder() -> None:
    """A file called like a product folder of the batch moves out of its way."""
    batch = ["https://h/p/f", "https://h/q/f", "https://h/x/p"]
    assert relative(plan(items_from(batch), FOLDER, nothing)) == ["p/f", "q/f", "x/p"]


def test_folders_of_items() -> None:
    """An item with a folder of its own goes there; where two collide, the folders of their URLs come below it."""
    batch = [Item("https://h/p/f", "f", folder="x/y"), Item("https://h/q/g", "g", folder="x")]
    assert relative(plan(batch, FOLDER, nothing)) == ["x/y/f", "x/g"]
    batch = [Item(f"https://h/{product}/f", "f", folder="x") for product in "pq"]
    assert relative(plan([*batch, Item("https://h/p/f", "f")], FOLDER, nothing)) == ["x/p/f", "x/q/f", "f"]
    assert [action.do for action in plan([batch[0], Item("https://h/x", "X")], FOLDER, nothing)] == ["fetch", "fetch"]


def test_addresses_that_differ_in_their_query_are_conflicts() -> None:
    """Where no path tells two files apart, both are conflicts with advice, and nothing is guessed."""
    actions = plan(items_from(["https://h/get?id=s3cret", "https://h/get?id=2"]), FOLDER, nothing)
    assert [action.do for action in actions] == ["conflict", "conflict"]
    assert "Item(url, name)" in str(actions[0].error)
    assert "s3cret" not in str(actions[0].error)
    several = plan([Item(f"https://h/d/a.tif?{number}", "b.tif") for number in range(5)], FOLDER, nothing)
    assert "apart: https://h/d/a.tif, https://h/d/a.tif and 3 more." in str(several[4].error)


def test_the_same_url_twice_is_one_action() -> None:
    """The same URL and name share an action; the same URL under two names is two files."""
    one, again, other = plan(
        [Item("https://h/a", "a"), Item("https://h/a", "a", 5), Item("https://h/a", "b")], FOLDER, nothing
    )
    assert one is again
    assert other.path == FOLDER / "b"


@pytest.mark.parametrize(
    ("size_bytes", "present", "overwrite", "do", "present_bytes"),
    [
        (5, None, False, "fetch", None),
        (5, Present("file", 5), False, "skip", 5),
        (5, Present("file", 4), False, "conflict", None),
        (None, Present("file", 4), False, "fetch", 4),
        (5, Present("file", 5), True, "fetch", None),
        (5, Present("file", 4), True, "fetch", None),
        (5, Present("folder"), False, "conflict", None),
        (5, Present("folder"), True, "conflict", None),
        (5, Present("other"), True, "conflict", None),
    ],
)
def test_what_is_there_already(
    size_bytes: int | None, present: Present | None, overwrite: bool, do: str, present_bytes: int | None
) -> None:
    """The right size is skipped, another size is never replaced unasked, and an unknown one is asked of the server."""
    [action] = plan([Item("https://h/a", "a", size_bytes)], FOLDER, lambda _: present, overwrite=overwrite)
    assert (action.do, action.present_bytes) == (do, present_bytes)
    assert (action.error is not None) == (do == "conflict")


def test_a_folder_of_the_files_name() -> None:
    """Where a folder has the file's name, it is said how a folder and a name are given."""
    [action] = plan([Item("https://h/a", "a", 5)], FOLDER, lambda _: Present("folder"))
    assert "a is there and is a folder." in str(action.error)
    assert "Give the folder by `-d`" in str(action.error)


@pytest.mark.parametrize("kind", ["file", "other"])
def test_linked_product_folder_is_a_conflict(kind: str) -> None:
    """A symbolic link or a file in the place of a product's folder is not followed, even when overwriting."""
    batch = items_from(["https://h/p/f", "https://h/q/f"])
    look = {("p",): Present(kind)}.get  # type: ignore[arg-type]
    actions = plan(batch, FOLDER, look, overwrite=True)
    assert [action.do for action in actions] == ["conflict", "fetch"]
    assert isinstance(actions[0].error, TargetInvalid)
