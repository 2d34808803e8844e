"""What happens to a compose file, case by case; whole patches stand in tests/cases/rewrite."""

from pathlib import Path, PurePosixPath

import pytest

from careen.rewrite.compose.draft import ComposeInputs
from careen.rewrite.compose.rewriter import ComposeResult, rewrite_compose
from careen.workspace.discover import discover
from careen.workspace.facts import derive
from fakes.plans import PlanWords, ServiceWords, plan_for

DOCKERFILE = 'FROM python:3.11\nWORKDIR /app\nCOPY . .\nCMD ["uvicorn", "app:app"]\n'
HARDENED = """\
    init: true
    read_only: true
    tmpfs:
      - /tmp
    cap_drop:
      - ALL
    security_opt:
      - no-new-privileges:true
"""
LIMITED = """\
    stop_grace_period: 20s
    # careen's defaults for a web service, until a proof has measured it
    deploy:
      resources:
        limits:
          cpus: "1.0"
          memory: 384M
          pids: 256
"""


def rewrite(
    folder: Path, compose: str, *, planned: tuple[str, ...] = ("api",), removable: tuple[tuple[str, str], ...] = ()
) -> ComposeResult:
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "app.py").write_text("app = 1\n")
    (folder / "compose.yaml").write_text(compose)
    facts = derive(discover(folder))
    plan = plan_for(facts, PlanWords(services={name: ServiceWords() for name in planned}))
    assert facts.workspace.compose is not None
    return rewrite_compose(
        ComposeInputs(
            plan=plan,
            compose=facts.workspace.compose,
            dockerfile=PurePosixPath("Dockerfile"),
            targets={name: name for name in planned},
            removable=frozenset(removable),
        )
    )


def after(result: ComposeResult) -> str:
    (change,) = result.changes
    assert change.after is not None
    return change.after


def test_a_short_build_is_written_out(tmp_path: Path) -> None:
    text = after(rewrite(tmp_path, "services:\n  api:\n    build: .  # here\n"))

    assert text == ("services:\n  api:\n    build:\n      context: .\n      target: api  # here\n" + HARDENED + LIMITED)


def test_a_command_and_an_entry_point_go(tmp_path: Path) -> None:
    text = after(
        rewrite(
            tmp_path,
            "services:\n  api:\n    entrypoint: uvicorn\n    build: {context: .}\n    command: [app:app, --reload]\n",
        )
    )

    assert "command" not in text
    assert "entrypoint" not in text
    assert "build: {context: ., target: api}" in text


def test_a_command_that_an_unplanned_service_shares_is_overridden(tmp_path: Path) -> None:
    text = after(
        rewrite(
            tmp_path,
            "x-app: &app\n  command: uvicorn app:app\nservices:\n  api:\n    <<: *app\n    build: .\n"
            "  other:\n    <<: *app\n    image: other\n",
        )
    )

    assert "x-app: &app\n  command: uvicorn app:app\n" in text
    assert "    command: []\n" in text


def test_a_build_that_an_unplanned_service_shares_stops_it(tmp_path: Path) -> None:
    result = rewrite(
        tmp_path, "x-app: &app\n  build: {context: .}\nservices:\n  api:\n    <<: *app\n  jobs:\n    <<: *app\n"
    )

    assert [(refusal.line, refusal.stops) for refusal in result.refusals] == [(2, True)]
    assert "jobs build the same image" in result.refusals[0].reason


def test_what_is_said_already_is_not_said_again(tmp_path: Path) -> None:
    compose = (
        "services:\n  api:\n    build: {context: ., target: api}\n    init: true\n    read_only: true\n"
        "    tmpfs: /tmp\n    cap_drop: [ALL]\n    security_opt: ['no-new-privileges:true']\n"
        "    stop_grace_period: 5s\n    mem_limit: 1g\n"
    )

    assert rewrite(tmp_path, compose).changes == ()


def test_nothing_slips_into_the_next_service_behind_a_key_without_a_value(tmp_path: Path) -> None:
    compose = (
        "services:\n  api:\n    build: .\n    networks:\n        inner:\n\n  # the other\n  db:\n    image: postgres\n"
    )
    built = "services:\n  api:\n    build:\n      context: .\n      target: api\n    networks:\n        inner:\n"

    text = after(rewrite(tmp_path, compose))

    assert text == built + HARDENED + LIMITED + "\n  # the other\n  db:\n    image: postgres\n"


def test_limits_go_where_the_deployment_is_described(tmp_path: Path) -> None:
    text = after(
        rewrite(
            tmp_path,
            "services:\n  api:\n    build: .\n    deploy:\n      replicas: 2\n      resources:\n"
            "        reservations: {memory: 64M}\n    restart: always\n",
        )
    )

    assert (
        "    deploy:\n      replicas: 2\n      resources:\n        reservations: {memory: 64M}\n"
        "        # careen's defaults for a web service, until a proof has measured it\n"
        '        limits:\n          cpus: "1.0"\n          memory: 384M\n          pids: 256\n    restart: always\n'
    ) in text


@pytest.mark.parametrize("test", ['"curl -f http://localhost/"', "[CMD, celery, inspect, ping]", "[CMD-SHELL, 'true']"])
def test_a_check_that_the_image_could_not_run_gives_way_to_its_own(tmp_path: Path, test: str) -> None:
    text = after(rewrite(tmp_path, f"services:\n  api:\n    build: .\n    healthcheck:\n      test: {test}\n"))

    assert "healthcheck" not in text


def test_a_check_in_exec_form_stays(tmp_path: Path) -> None:
    compose = 'services:\n  api:\n    build: .\n    healthcheck:\n      test: [CMD, python, -c, "1"]\n'

    assert compose.partition("build: .\n")[2] in after(rewrite(tmp_path, compose))


@pytest.mark.parametrize(
    ("environment", "kept"),
    [
        ("\n      PYTHONPATH: /x\n      A: b\n", "    environment:\n      A: b\n"),
        ("\n      - A=b\n      - PYTHONPATH=/x\n", "    environment:\n      - A=b\n"),
        (" [PYTHONPATH=/x, A=b]\n", "    environment: [A=b]\n"),
    ],
)
def test_a_search_path_does_not_hide_the_images_own(tmp_path: Path, environment: str, kept: str) -> None:
    text = after(rewrite(tmp_path, f"services:\n  api:\n    build: .\n    environment:{environment}"))

    assert kept in text
    assert "PYTHONPATH" not in text


def test_root_gives_way_to_the_images_user_and_another_user_stays(tmp_path: Path) -> None:
    assert "user:" not in after(rewrite(tmp_path, 'services:\n  api:\n    build: .\n    user: "0:0"\n'))
    assert 'user: "1000"' in after(rewrite(tmp_path, 'services:\n  api:\n    build: .\n    user: "1000"\n'))


def test_a_privileged_service_is_told_of_and_not_hardened(tmp_path: Path) -> None:
    result = rewrite(tmp_path, "services:\n  api:\n    build: .\n    privileged: true\n")

    assert [(refusal.line, refusal.stops) for refusal in result.refusals] == [(4, False)]
    assert "cap_drop" not in after(result)


def test_covering_mounts_go_and_others_stay(tmp_path: Path) -> None:
    compose = (
        "services:\n  api:\n    build: .\n    volumes:\n      - ./src:/app/src  # code\n      - data:/data  # ours\n"
    )

    text = after(rewrite(tmp_path, compose, removable=(("api", "/app/src"),)))

    assert "    volumes:\n      - data:/data  # ours\n" in text
    assert "/app/src" not in text


def test_waiting_becomes_waiting_for_health_where_there_is_a_check(tmp_path: Path) -> None:
    text = after(
        rewrite(
            tmp_path,
            "services:\n  api:\n    build: .\n    depends_on:\n    - redis\n    - odd\n"
            "  redis:\n    image: 'registry.example/library/redis:7-alpine'\n  odd:\n    image: odd\n",
        )
    )

    assert (
        "    depends_on:\n      redis:\n        condition: service_healthy\n"
        "      odd:\n        condition: service_started\n"
    ) in text
    assert 'test: ["CMD", "redis-cli", "ping"]' in text
    assert text.endswith("  odd:\n    image: odd\n")


def test_a_list_of_things_without_a_check_stays_a_list(tmp_path: Path) -> None:
    text = after(rewrite(tmp_path, "services:\n  api:\n    build: .\n    depends_on: [odd]\n  odd:\n    image: odd\n"))

    assert "    depends_on: [odd]\n" in text


def test_an_inline_dockerfile_stops_it(tmp_path: Path) -> None:
    result = rewrite(
        tmp_path,
        "services:\n  api:\n    build:\n      context: .\n      dockerfile_inline: |\n        FROM python:3.11\n"
        '        CMD ["uvicorn", "app:app"]\n',
    )

    assert [refusal.stops for refusal in result.refusals] == [True]


def test_a_command_from_a_file_that_is_extended_is_taken_back(tmp_path: Path) -> None:
    (tmp_path / "common.yaml").write_text("services:\n  web:\n    command: uvicorn app:app\n")
    compose = "services:\n  api:\n    extends: {file: common.yaml, service: web}\n    build: .\n"

    assert "    command: []\n" in after(rewrite(tmp_path, compose))


def lines(result: ComposeResult) -> list[str]:
    return [line.strip() for line in after(result).splitlines()]


def test_services_of_one_image_get_a_name_each(tmp_path: Path) -> None:
    compose = (
        "x-app: &app\n  build: .\n  image: r.example/shop:1\n"
        "services:\n  api:\n    <<: *app\n  worker:\n    <<: *app\n    command: celery -A app worker\n"
    )
    found = lines(rewrite(tmp_path, compose, planned=("api", "worker")))
    assert "image: r.example/shop-api:1" in found
    assert "image: r.example/shop-worker:1" in found


def test_a_service_that_ran_what_another_built_is_built_itself(tmp_path: Path) -> None:
    compose = (
        "services:\n  api:\n    build: .\n    image: shop\n  worker:\n    image: shop\n"
        "    command: celery -A app worker\n"
    )
    result = rewrite(tmp_path, compose, planned=("api", "worker"))
    worker = after(result)[after(result).index("  worker:") :]
    assert "image: shop-worker\n" in worker
    assert "    build:\n      context: .\n      target: worker\n" in worker
    assert "image: shop-api\n" in after(result)


@pytest.mark.parametrize(
    ("image", "own"),
    [
        ("shop:${TAG:-1}", "shop-api:${TAG:-1}"),
        ("${REGISTRY:-r.example:5000/x}/shop:$TAG", "${REGISTRY:-r.example:5000/x}/shop-api:$TAG"),
        ("r.example:5000/shop", "r.example:5000/shop-api"),
        ('"shop:1"', "shop-api:1"),
    ],
)
def test_variables_in_a_name_stay(image: str, own: str, tmp_path: Path) -> None:
    compose = f"services:\n  api:\n    build: .\n    image: {image}\n  worker:\n    build: .\n    image: {image}\n"
    assert f"image: {own}" in lines(rewrite(tmp_path, compose, planned=("api", "worker")))


def test_a_name_of_its_own_stays(tmp_path: Path) -> None:
    compose = "services:\n  api:\n    build: .\n    image: shop\n  db:\n    image: postgres:16\n"
    assert "image: shop" in lines(rewrite(tmp_path, compose))


def test_one_name_for_several_that_a_variable_says_stops_it(tmp_path: Path) -> None:
    compose = (
        "services:\n  builder:\n    build: .\n    image: ${SHOP:-shop}\n  api:\n    image: ${SHOP:-shop}\n"
        "    command: uvicorn app:app\n"
    )
    (refusal,) = [refusal for refusal in rewrite(tmp_path, compose).refusals if refusal.stops]
    assert refusal.line == 6
    assert "builder" in refusal.reason


def test_a_search_path_that_services_share_is_said_against_once(tmp_path: Path) -> None:
    compose = (
        "x-env: &env\n  PYTHONPATH: /srv\n  A: b\n"
        "services:\n  api:\n    build: .\n    environment:\n      <<: *env\n      C: d\n"
    )
    first = after(rewrite(tmp_path, compose))
    assert "  PYTHONPATH: /srv\n" in first
    assert "      C: d\n      PYTHONPATH: /app" in first
    assert rewrite(tmp_path, first).changes == ()
