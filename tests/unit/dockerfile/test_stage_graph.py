"""Stages, what they stand on, what reaches into them, and which variables hold."""

from pathlib import PurePosixPath

import pytest

from careen.dockerfile.parser import parse
from careen.dockerfile.stages import ImageBase, ScratchBase, StageBase, StageGraph, stages_of
from careen.text.problems import SyntaxProblem
from careen.text.source import Source


def graph(text: str, **arguments: str) -> StageGraph:
    return stages_of(parse(Source(PurePosixPath("Dockerfile"), text)), arguments)


def test_a_base_may_hide_in_arguments_that_have_defaults() -> None:
    text = "ARG TAG=3.11\nARG BASE=python:${TAG}-slim\nFROM ${BASE} AS one\nFROM ${MISSING}\nFROM a:$TARGETARCH\n"

    assert [stage.base for stage in graph(text).stages] == [
        ImageBase("${BASE}", "python:3.11-slim"),
        ImageBase("${MISSING}", None),
        ImageBase("a:$TARGETARCH", "a:amd64"),
    ]
    assert graph(text, MISSING="never declared").stages[1].base == ImageBase("${MISSING}", None)
    assert graph("ARG MISSING\nFROM $MISSING\n", MISSING="b").stages[0].base == ImageBase("$MISSING", "b")
    assert graph(text, TAG="3.13").stages[0].base == ImageBase("${BASE}", "python:3.13-slim")


def test_stages_are_named_without_regard_to_letter_case_and_the_latest_of_a_name_is_meant() -> None:
    stages = graph("FROM a AS Base\nFROM base AS x\nFROM b AS base\nFROM BASE\nFROM scratch\nFROM 0\n")

    assert [stage.base for stage in stages.stages] == [
        ImageBase("a", "a"),
        StageBase(0),
        ImageBase("b", "b"),
        StageBase(2),
        ScratchBase(),
        ImageBase("0", "0"),
    ]
    assert stages.find("BASE") is stages.stages[2]
    assert stages.find("1") is stages.stages[1]
    assert stages.find("6") is None
    assert stages.find("²") is None
    assert stages.find("9" * 5000) is None


def test_a_stage_that_names_itself_or_a_later_one_means_an_image() -> None:
    stages = graph("FROM two AS one\nFROM two AS two\n")

    assert [stage.base for stage in stages.stages] == [ImageBase("two", "two"), ImageBase("two", "two")]


def test_the_shipped_stage_is_the_target_and_else_the_last() -> None:
    stages = graph("FROM a AS one\nFROM b AS two\n")

    assert stages.shipped(None) is stages.stages[1]
    assert stages.shipped("One") is stages.stages[0]
    assert stages.shipped("0") is stages.stages[0]
    assert stages.shipped("three") is None


def test_what_reaches_into_a_stage_is_found_through_copies_mounts_and_parents() -> None:
    stages = graph(
        "FROM a AS base\n"
        "FROM base AS build\n"
        "FROM b AS assets\n"
        "FROM c AS unused\n"
        "FROM d AS run\n"
        "COPY --from=build /x /x\n"
        "RUN --mount=type=bind,from=assets,target=/a cp -r /a /b\n"
        "COPY --from=example/other:1 /y /y\n"
    )

    assert [stage.name for stage in stages.dependencies(stages.stages[4])] == ["base", "build", "assets"]


def test_copies_in_a_circle_end() -> None:
    stages = graph("FROM a AS one\nCOPY --from=two x y\nFROM b AS two\nCOPY --from=one x y\nCOPY --from=two x y\n")

    assert [stage.name for stage in stages.dependencies(stages.stages[1])] == ["one"]


def test_the_last_value_holds_and_an_entrypoint_forgets_an_inherited_command() -> None:
    stages = graph(
        "FROM a AS base\nUSER one\nCMD old\n"
        "FROM base AS same\nENTRYPOINT e\n"
        "FROM base AS own\nCMD new\nENTRYPOINT e\nUSER two\n"
    )
    same, own = stages.stages[1:]

    command = stages.effective(own, "CMD")
    user = stages.effective(same, "USER")
    assert stages.effective(same, "CMD") is None
    assert command is not None
    assert command.arguments == ("new",)
    assert user is not None
    assert (user.arguments, user.stage) == (("one",), 0)
    assert stages.effective(own, "STOPSIGNAL") is None


def test_variables_hold_in_the_order_of_the_text_and_are_inherited() -> None:
    stages = graph(
        "ARG GLOBAL=g\nARG UNUSED=u\n"
        "FROM a AS base\n"
        "ARG GLOBAL\nARG OWN=o\nARG NONE\nARG GIVEN=default\n"
        'ENV A=$GLOBAL-$OWN B="$MISSING:/x" PATH=/venv/bin:$PATH\n'
        "ENV A=new C=$A\n"
        "ENV old style $C\n"
        "FROM base\n"
        "ARG TARGETARCH\n"
        "ARG OWN=later\n",
        GIVEN="given",
        NEVER="asked",
    )

    assert stages.environment(stages.stages[1]) == {
        "GLOBAL": "g",
        "OWN": "later",
        "GIVEN": "given",
        "A": "new",
        "B": ":/x",
        "C": "g-o",
        "PATH": "/venv/bin:",
        "old": "style g-o",
        "TARGETARCH": "amd64",
    }
    assert "TARGETARCH" not in stages.environment(stages.stages[0])


def test_a_step_sees_no_variable_that_comes_after_it() -> None:
    stages = graph("FROM a AS base\nENV A=1\nFROM base\nENV B=$A\nRUN x\nENV A=2 C=3\n")
    stage = stages.stages[1]
    step = next(instruction for instruction in stage.instructions if instruction.keyword == "RUN")

    assert stages.environment_at(stage, step) == {"A": "1", "B": "1"}
    assert stages.environment(stage) == {"A": "2", "B": "1", "C": "3"}


def test_the_files_own_escape_counts_in_values() -> None:
    stages = graph("# escape=`\nFROM a\nENV HERE=c:\\temp`$x\n")

    assert stages.environment(stages.stages[0]) == {"HERE": "c:\\temp$x"}


def test_variables_that_grow_without_end_stop_being_known() -> None:
    stages = graph("FROM a\nENV A=" + "x" * 60_000 + "\n" + "".join(f"ENV B{i}=$A$A\n" for i in range(4000)))

    environment = stages.environment(stages.stages[0])
    assert sum(map(len, environment.values())) <= 1 << 20
    assert "B0" in environment


def test_more_stages_than_anybody_writes_are_refused_with_the_line() -> None:
    with pytest.raises(SyntaxProblem, match=r"Dockerfile:501: more than 500 stages"):
        graph("FROM a\n" * 600)


def test_instructions_before_the_first_stage_belong_to_none() -> None:
    assert graph("RUN x\nCOPY a b\n").stages == ()
    assert graph("RUN x\n").shipped(None) is None
