from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.kubernetes.argo import same_repository
from bootstrap.kubernetes.documents import documents
from bootstrap.local.upstream.demand import ChartDemand, Demand, collect, endpoint

OURS = "https://git.example.com/eco2/platform.git"


def asked(text: str) -> Demand:
    return collect(documents(text), OURS)


def test_helm_and_oci_sources_of_applications() -> None:
    demand = asked("""
spec:
  source: {repoURL: https://charts.example.com/stable/, chart: ingress, targetRevision: 1.2.3}
---
spec:
  sources:
    - {repoURL: registry.example.com/team, chart: sub/karpenter, targetRevision: "1.11.1"}
    - {repoURL: https://git.example.com/eco2/platform, targetRevision: release/7, ref: values}
""")
    assert demand.charts == (
        ChartDemand("https://charts.example.com/stable", "ingress", "1.2.3"),
        ChartDemand("oci://registry.example.com/team/sub", "karpenter", "1.11.1"),
    )
    assert demand.revisions == ("release/7",)


def test_application_sets_values_files_dependencies_and_helm_charts() -> None:
    demand = asked("""
spec: {template: {spec: {source: {repoURL: https://a.example.com, chart: one, targetRevision: 1.0.0}}}}
---
ociCharts:
  - {name: two, repoURL: b.example.com, chart: two, version: 2.0.0}
---
dependencies:
  - {name: three, repository: oci://c.example.com/x, version: 3.0.0}
---
helmCharts:
  - {name: four, repo: https://d.example.com, version: 4.0.0}
""")
    assert {(chart.repository, chart.chart, chart.version) for chart in demand.charts} == {
        ("https://a.example.com", "one", "1.0.0"),
        ("oci://b.example.com", "two", "2.0.0"),
        ("oci://c.example.com/x", "three", "3.0.0"),
        ("https://d.example.com", "four", "4.0.0"),
    }


def test_what_is_no_chart() -> None:
    demand = asked("""
source: {repoURL: "{{ .Values.repo }}", chart: x, targetRevision: 1.0.0}
images: [{name: app, repository: registry.example.com/app, version: 1.0.0}]
dependencies: [{name: own, repository: "file://../own", version: 1.0.0}]
other: {repoURL: https://git.example.com/else.git, targetRevision: main}
""")
    assert demand == Demand()


def test_remote_files_but_not_remote_repositories() -> None:
    demand = asked("""
resources:
  - https://raw.example.com/o/r/v1/install.yaml
  - https://github.example.com/o/r//deploy?ref=v1
  - local.yaml
components: [https://github.example.com/o/r.git]
""")
    assert demand.files == ("https://raw.example.com/o/r/v1/install.yaml",)


def test_revisions_leave_out_head_and_templates() -> None:
    demand = asked(f"""
- {{repoURL: {OURS}, targetRevision: HEAD}}
- {{repoURL: {OURS}, targetRevision: "{{{{revision}}}}"}}
- {{repoURL: {OURS}, revision: main}}
""")
    assert demand.revisions == ("main",)


def test_registries_of_repository_secrets() -> None:
    demand = asked("""
kind: Secret
stringData: {url: registry.example.com/karpenter, type: helm, enableOCI: "true"}
---
kind: Secret
stringData: {url: https://git.example.com/x.git, type: git}
""")
    assert demand.registries == ("oci://registry.example.com/karpenter",)
    assert demand.serves("registry.example.com", 443)
    assert not demand.serves("git.example.com", 443)


def test_hosts_are_told_apart_by_port_and_not_by_case() -> None:
    demand = Demand(files=("https://Files.Example.com:8443/a.yaml",))
    assert demand.serves("files.example.COM", 8443)
    assert not demand.serves("files.example.com", 443)
    assert endpoint("oci://r.example.com/x") == ("r.example.com", 443)
    assert endpoint("http://r.example.com/x") == ("r.example.com", 80)


def test_same_repository() -> None:
    assert same_repository("https://Git.example.com/a/b.git", "https://git.example.com/a/b/")
    assert not same_repository("https://git.example.com/a/b", "https://git.example.com/a/c")


words = st.text("abc./:-1", min_size=1, max_size=12)
charts = st.lists(st.builds(ChartDemand, words, words, words), max_size=4).map(tuple)
lists = st.lists(words, max_size=4).map(tuple)


@given(st.builds(Demand, charts, lists, lists, lists))
def test_the_file_form_keeps_everything(demand: Demand) -> None:
    assert Demand.parse(demand.dump()) == demand


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["repoURL", "chart", "name", "kind", "resources", "version"]), inner
        )
    ),
)


@given(anything)
def test_any_document_is_taken(document: object) -> None:
    demand = collect([document], OURS)
    assert all(chart.chart and chart.version for chart in demand.charts)
