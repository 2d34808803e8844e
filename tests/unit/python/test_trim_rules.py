import pytest

from careen.python.trim_rules import is_trimmed, is_trimmed_data


@pytest.mark.parametrize(
    "path",
    [
        "numpy/tests/test_a.py",
        "numpy/_core/tests/data/a.csv",
        "pandas/tests/__init__.py",
        "torch/test/cpp.bin",
        "torch/bin/test_jit",
        "torch/bin/protoc",
        "torch/lib/libtorchbind_test.so",
        "tornado/test/web_test.py",
        "onnxruntime/capi/libonnxruntime.so.1.32.0",
        "torch/include/ATen/ATen.h",
        "numpy/__init__.pxd",
        "numpy/core.pyi",
        "sqlalchemy/cyextension/collections.pyx",
        "uvloop/loop.c",
        "lib/libx.a",
        "demo/__pycache__/a.cpython-311.pyc",
        "tests/test_top.py",
        "docs/conf.py",
        "demo-1.0.dist-info/RECORD.jws",
    ],
)
def test_what_nothing_needs_at_run_time_goes(path: str) -> None:
    assert is_trimmed(path)


@pytest.mark.parametrize(
    "path",
    [
        "numpy/testing/__init__.py",
        "onnxruntime/capi/libonnxruntime_providers_shared.so",
        "onnxruntime/capi/onnxruntime_pybind11_state.cpython-311-x86_64-linux-gnu.so",
        "numpy/testing/_private/utils.py",
        "torch/testing/_internal/common.py",
        "pandas/_testing/__init__.py",
        "tornado/testing.py",
        "torch/bin/torch_shm_manager",
        "demo/bin/line_test",
        "django/test/client.py",
        "skimage/__init__.pyi",
        "jedi/third_party/typeshed/stdlib/3/abc.pyi",
        "mypy/typeshed/stdlib/abc.pyi",
        "triton/backends/nvidia/include/cuda.h",
        "cupy/_core/include/cupy/carray.cuh",
        "thinc/backends/_custom_kernels.cu",
        "test.py",
        "tests.py",
        "demo/test.py",
        "demo/latest/data.txt",
        "demo/contest/__init__.py",
        "sklearn/datasets/descr/iris.rst",
        "demo-1.0.dist-info/METADATA",
        "demo-1.0.dist-info/entry_points.txt",
        "demo-1.0.dist-info/licenses/LICENSE",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "demo/docs/page.html",
    ],
)
def test_what_something_may_need_stays(path: str) -> None:
    assert not is_trimmed(path)


def test_manuals_go_and_shared_data_stays() -> None:
    assert is_trimmed_data("share/man/man1/demo.1")
    assert is_trimmed_data("share/doc/demo/README")
    assert not is_trimmed_data("share/jupyter/kernel.json")
    assert not is_trimmed_data("etc/demo.conf")
