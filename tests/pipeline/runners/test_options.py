import pytest
from apache_beam.options.pipeline_options import DirectOptions, StandardOptions

from pipeline.runners.options import beam_options, describe_runner, local_threads
from schemas.errors import UsageError


def runner(*flags: str) -> str:
    return str(beam_options(flags).view_as(StandardOptions).runner)


def refusal(*flags: str) -> str:
    with pytest.raises(UsageError) as caught:
        beam_options(flags)
    return str(caught.value)


@pytest.mark.parametrize("name", ["DirectRunner", "direct", "Direct", "directrunner", "FnApiRunner", "fnapi"])
def test_any_local_runner_means_the_embedded_one(name: str) -> None:
    assert runner(f"--runner={name}") == "FnApiRunner"
    assert runner("--runner", name) == "FnApiRunner"


@pytest.mark.parametrize(("processors", "said"), [({0}, "1 worker(s)"), ({0, 2, 3}, "3 threads")])
def test_the_embedded_runner_is_the_default(processors: set[int], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: processors)
    assert runner() == "FnApiRunner"
    options = beam_options([])
    assert describe_runner(options) == f"FnApiRunner, in_memory, {said}"
    assert local_threads(options) == len(processors)


@pytest.mark.parametrize(
    "flags",
    [["--direct_running_mode=multi_processing"], ["--runner=FlinkRunner"], ["--direct_running_mode=multi_threading"]],
)
def test_a_runner_with_workers_of_its_own_gets_one_thread(flags: list[str]) -> None:
    assert local_threads(beam_options(flags)) == 1


def test_options_of_beam_reach_it() -> None:
    flags = ["--direct_num_workers=2", "--direct_running_mode=multi_processing", "--runner=DirectRunner"]
    options = beam_options(flags)
    assert options.view_as(DirectOptions).direct_num_workers == 2
    assert describe_runner(options) == "FnApiRunner, multi_processing, 2 worker(s)"


@pytest.mark.parametrize("name", ["FlinkRunner", "flink", "SparkRunner", "my.own.Runner"])
def test_other_runners_are_left_as_they_are(name: str) -> None:
    assert runner(f"--runner={name}") == name
    assert describe_runner(beam_options([f"--runner={name}"])) == name


def test_a_runner_that_does_not_exist() -> None:
    assert refusal("--runner=FlinkRuner") == (
        "--runner=FlinkRuner: is no runner of Beam (of one of your own say the full name of its class); "
        "did you mean 'FlinkRunner'?"
    )
    assert "; valid: BundleBasedDirectRunner, " in refusal("--runner=Zzz")


def test_an_unknown_flag_with_a_hint() -> None:
    text = "is no option of this command or of Beam"
    assert refusal("--runer=DirectRunner") == f"--runer=DirectRunner: {text}; did you mean '--runner'?"
    assert refusal("--replase") == f"--replase: {text}; did you mean '--replace'?"
    assert refusal("--direct_num_worker=2") == f"--direct_num_worker=2: {text}; did you mean '--direct_num_workers'?"


def test_an_unknown_flag_without_a_hint() -> None:
    text = "is no option of this command or of Beam; see --help of the command"
    assert refusal("--zzzz") == f"--zzzz: {text}"
    assert refusal("stray") == f"stray: {text}"


def test_a_flag_with_a_value_that_it_does_not_take(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal("--direct_num_workers=two") == (
        "argument --direct_num_workers: invalid int value: 'two'; correct the option, which Beam documents"
    )
    assert refusal("--direct_running_mode=fast").startswith("argument --direct_running_mode: invalid choice: 'fast'")
    assert refusal("--runner").startswith("argument --runner: expected one argument;")
    assert capsys.readouterr() == ("", "")


def test_streaming_is_refused() -> None:
    assert refusal("--streaming") == (
        "--streaming: the pipeline reads files that are complete; leave it out, and run again for new files"
    )


def test_an_engine_is_described_with_its_services() -> None:
    flags = ["--environment_type=EXTERNAL", "--environment_config=localhost:2"]
    said = "job service at localhost:1, workers: EXTERNAL localhost:2"
    portable = beam_options(["--runner=PortableRunner", "--job_endpoint=localhost:1", *flags])
    assert describe_runner(portable) == f"PortableRunner, {said}"
    assert describe_runner(beam_options(["--runner=PrismRunner"])) == "PrismRunner, workers: LOOPBACK"
