"""Routes that look like health checks, with the prefixes that they are mounted under."""

import pytest

from careen.plan.health_routes import health_routes

VIEW = "def alive(): ...\n"


@pytest.mark.parametrize(
    "text",
    [
        f'app = FastAPI()\n@app.get("/health")\n{VIEW}',
        f'app = FastAPI()\n@app.head("/health")\n{VIEW}',
        f'app = Flask(__name__)\n@app.route("/health", methods=["GET"])\n{VIEW}',
        'app = Flask(__name__)\napp.add_url_rule("/health", view_func=alive)\n',
        'app = Starlette(routes=[Route("/", home), Route("/health", alive)])\n',
        'routes = [Route("/health", alive)]\napp = Starlette(routes=routes)\n',
        f'def make(app):\n    @app.get("/health")\n    async {VIEW}',
        f'app = FastAPI()\nr = APIRouter(prefix="/health")\n@r.get("")\n{VIEW}app.include_router(r)\n',
        f'app = FastAPI()\nHEALTH = "/health"\n@app.get(HEALTH)\n{VIEW}',
    ],
)
def test_a_route_of_an_application_is_found(text: str) -> None:
    assert health_routes({"shop": text}) == ("/health",)


@pytest.mark.parametrize(
    "text",
    [
        f'app = FastAPI()\n@app.post("/health")\n{VIEW}',
        f'app = Flask(__name__)\n@app.route("/health", methods=["POST"])\n{VIEW}',
        f'app = FastAPI()\n@app.get("/{{shop}}/health")\n{VIEW}',
        f'app = FastAPI()\n@app.get("/health", dependencies=[Depends(known)])\n{VIEW}',
        'app = FastAPI()\n@app.get("/health")\ndef alive(user=Depends(current_user)): ...\n',
        f'app = Flask(__name__)\n@app.route("/health")\n@login_required\n{VIEW}',
        f'app = FastAPI()\nr = APIRouter()\n@r.get("/health")\n{VIEW}',
        f'app = FastAPI()\nr = APIRouter()\n@r.get("/health")\n{VIEW}app.include_router(r, prefix=told())\n',
        'app = FastAPI()\nhttpx.get("http://other/health")\nclient.get("/health")\n',
        'app = FastAPI()\nPATHS = {"/health"}\n',
        'this is no Python "/health"\n',
    ],
)
def test_what_would_not_answer_everybody_is_passed_over(text: str) -> None:
    assert health_routes({"shop": text}) == ()


def test_prefixes_are_joined_over_modules_and_names_that_are_handed_on() -> None:
    texts = {
        "shop.main": (
            "from fastapi import FastAPI\nfrom .api import router\nfrom .core import settings\n"
            "app = FastAPI()\napp.include_router(router, prefix=settings.API)\n"
        ),
        "shop.core": 'API: str = "/api/v1"\n',
        "shop.api": "from shop.api.all import everything as router\n",
        "shop.api.all": (
            "from fastapi import APIRouter\nfrom . import health\neverything = APIRouter()\n"
            'everything.include_router(health.router, prefix="/utils")\n'
        ),
        "shop.api.health": f'router = APIRouter()\n@router.get("/health-check/")\n{VIEW}@router.get("/ping")\n{VIEW}',
    }

    assert health_routes(texts) == ("/api/v1/utils/health-check/", "/api/v1/utils/ping")


def test_a_blueprints_prefix_gives_way_to_that_of_its_registration() -> None:
    blueprint = f'bp = Blueprint("a", __name__, url_prefix="/old")\n@bp.get("/health")\n{VIEW}app = Flask("a")\n'

    assert health_routes({"a": f"{blueprint}app.register_blueprint(bp)\n"}) == ("/old/health",)
    assert health_routes({"a": f'{blueprint}app.register_blueprint(bp, url_prefix="/new")\n'}) == ("/new/health",)


def test_what_is_mounted_answers_below() -> None:
    own = f'inner = FastAPI()\n@inner.get("/health")\n{VIEW}app = FastAPI()\napp.mount("/v2", inner)\n'

    assert health_routes({"a": own}) == ("/v2/health",)


def test_urls_of_django_are_followed_from_the_root() -> None:
    texts = {
        "site.settings": 'ROOT_URLCONF = "site.urls"\n',
        "site.urls": (
            'urlpatterns = [path("api/", include("shop.urls")), re_path(r"^healthz/?$", alive), '
            'path("ht/health/", include("health_check.urls")), path("<int:pk>/health/", alive)]\n'
        ),
        "shop.urls": 'app_name = "shop"\nurlpatterns = [path("status/", alive)]\n',
        "other.urls": 'urlpatterns = [path("health/", alive)]\n',
    }

    assert health_routes(texts) == ("/healthz", "/ht/health/", "/api/status/")


def test_routers_that_include_each_other_end() -> None:
    text = f'a = APIRouter()\nb = APIRouter()\na.include_router(b)\nb.include_router(a)\n@a.get("/health")\n{VIEW}'

    assert health_routes({"shop": text}) == ()
