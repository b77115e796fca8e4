"""Cache, journal, configuration and what the last snapshot asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.rendering import Source
from bootstrap.local.upstream.cache import Cache, _segment
from bootstrap.local.upstream.config import Config, environment
from bootstrap.local.upstream.demand import Demand
from bootstrap.local.upstream.journal import Journal, read
from bootstrap.local.upstream.services import PublishedDemand


def test_a_chart_is_kept_by_url_name_and_version(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep_chart("https://a.example.com/x", "c", "1.0.0+b", b"one")
    assert cache.chart("https://a.example.com/x", "c", "1.0.0+b") == b"one"
    assert cache.chart("https://a.example.com/y", "c", "1.0.0+b") is None
    assert cache.chart("oci://a.example.com/x", "c", "1.0.0+b") is None
    assert cache.chart_versions("https://a.example.com/x", "c") == ("1.0.0+b",)
    assert cache.chart_versions("https://a.example.com/x", "d") == ()


def test_files_below_one_another(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.keep_file("https://a.example.com/x", b"one")
    cache.keep_file("https://a.example.com/x/y?z=1", b"two")
    assert cache.file("https://a.example.com/x") == b"one"
    assert cache.file("https://a.example.com/x/y?z=1") == b"two"
    assert cache.file("https://a.example.com/x/y") is None


def test_a_cache_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = Cache(tmp_path / "file")
    cache.keep_file("https://a.example.com/x", b"one")
    assert cache.file("https://a.example.com/x") is None


@given(st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_segment_stays_in_its_folder_and_is_unique(one: str, other: str) -> None:
    assert "/" not in _segment(one)
    assert _segment(one) not in {".", ".."}
    assert (_segment(one) == _segment(other)) == (one == other)


def test_the_journal_says_each_thing_once_and_the_last_word_counts(tmp_path: Path) -> None:
    file = tmp_path / "served.jsonl"
    assert read(file) == ()
    for _ in range(2):
        journal = Journal(file)
        journal.record("a", "1", "stand-in")
        journal.record("a", "1", "stand-in")
    journal.record("b", "1", "cache")
    journal.record("a", "1", "upstream")
    with file.open("a") as stream:
        stream.write('{"source": "cut o')
    assert len(file.read_text().splitlines()) == 4
    assert read(file) == (Source("a", "1", "upstream"), Source("b", "1", "cache"))


def test_the_configuration_survives_its_file(tmp_path: Path) -> None:
    config = Config(1, tmp_path, tmp_path / "c", tmp_path / "s", "https://g.example.com/r.git", offline=True)
    assert Config.parse(config.dump()) == config
    with pytest.raises(TypeError):
        Config.parse('{"port": 1, "colour": "red"}')


def test_programs_are_sent_through_the_proxy_and_trust_it(tmp_path: Path) -> None:
    config = Config(4711, tmp_path, tmp_path, tmp_path, "")
    found = environment(4711, config.password, tmp_path)
    proxy = f"http://bootstrap:{config.password}@127.0.0.1:4711"
    assert {found[name] for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY")} == {proxy}
    assert found["SSL_CERT_FILE"] == found["GIT_SSL_CAINFO"] == str(config.bundle)
    assert found["NO_PROXY"] == "127.0.0.1,localhost"


def test_a_new_snapshot_is_followed_at_once(tmp_path: Path) -> None:
    published = PublishedDemand(tmp_path / "demand.json")
    assert published.demand == Demand()
    for url in ("https://a.example.com/x.yaml", "https://b.example.com/x.yaml"):
        (tmp_path / "new").write_text(Demand(files=(url,)).dump())
        (tmp_path / "new").replace(tmp_path / "demand.json")
        assert published.demand.files == (url,)
