"""How close predicted sizes come to built ones: ``python benchmarks/prediction.py PROJECT...``.

Plans each project, builds the plan with the native engine into a scratch folder, and prints both sizes per service,
without bytecode and with it. Needs the index and the mirror that uv and apt are configured for, unless cached
(CAREEN_CACHE names the folder).
"""

import argparse
import os
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from careen.app.building import BuildRequest, build_planned
from careen.app.plan_request import PlanRequest
from careen.app.planning import plan_stack
from careen.app.session import Session, Surroundings
from careen.build.engine import BuildOptions
from careen.errors import CareenError
from careen.platforms import Platform

LIMIT_PERCENT = 2.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("projects", nargs="+", type=Path)
    parser.add_argument("--platform", default="linux/amd64")
    arguments = parser.parse_args()
    cache = Path(os.environ.get("CAREEN_CACHE", "~/.cache/careen")).expanduser()
    session = Session(
        surroundings=Surroundings(cache=cache, now=lambda: datetime.now(UTC), environment=dict(os.environ))
    )
    worst = 0.0
    print(f"{'service':28} {'predicted':>12} {'built':>12} {'off':>8}   {'bytecode':>12} {'built':>12} {'off':>8}")
    for project in arguments.projects:
        print(project.name)
        request = PlanRequest(root=project, platform=Platform.parse(arguments.platform), fetch_wheels=True)
        try:
            planned = plan_stack(session, request)
            with tempfile.TemporaryDirectory(dir=cache) as folder:
                wanted = BuildRequest(plan=request, output=Path(folder, "layout"), options=BuildOptions())
                result = build_planned(session, wanted, planned.plan)
        except CareenError as error:
            print(f"  {error.message}")
            continue
        for service in planned.plan.services:
            image = result.image(service.name)
            predicted = service.predicted_bytes or 0
            bytecode = service.predicted_bytecode_bytes or 0
            off = 100 * (predicted - image.bytes) / image.bytes
            code_off = 100 * (bytecode - image.bytecode_bytes) / max(image.bytecode_bytes, 1)
            worst = max(worst, abs(off))
            print(
                f"  {service.name:26} {predicted:12,} {image.bytes:12,} {off:7.2f}%   "
                f"{bytecode:12,} {image.bytecode_bytes:12,} {code_off:7.2f}%"
            )
        unique = planned.plan.predicted_unique_bytes or 0
        off = 100 * (unique / result.unique_bytes - 1)
        print(f"  {'on a host':26} {unique:12,} {result.unique_bytes:12,} {off:7.2f}%")
    print(f"worst: {worst:.2f} %")
    return 0 if worst <= LIMIT_PERCENT else 1


if __name__ == "__main__":
    sys.exit(main())
