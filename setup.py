"""Package definition: what is installed, and what each part of it needs."""

from pathlib import Path

from setuptools import setup

# The pipeline runs on workers that should not pay for TensorFlow (5.6 s and 500 MB each),
# so everything that needs it sits in the "trainer" extra.
CORE = [
    "apache-beam>=2.77",
    "cattrs>=24.1",  # what a killed run had done, to JSON and back
    "fastavro>=1.9",
    "google-crc32c>=1.5",  # Beam installs no CRC library, and TFRecord framing needs one
    "jinja2>=3.1",
    "matplotlib>=3.9",  # the plots of the report; workers never import it
    "numpy>=1.26",
    "prometheus-client>=0.20",
    "protobuf>=6.31",
    "pyarrow>=18",
    "pyyaml>=6.0",
    "rfc8785>=0.1.4",  # canonical JSON, so that a manifest has one form only
    "rich>=13.7",
    "tensorflow-metadata>=1.17.2",  # messages only: 14 ms to import, no TensorFlow; from here on with protobuf 6
    "tzdata>=2024.1",  # time zones, which a slim image of a system does not bring
]
TRAINER = ["tensorflow>=2.21", "keras>=3.13"]
SUBWORDS = ["tokenizers>=0.21"]
S3 = ["boto3>=1.36"]  # the first ones know no conditions of writing
KAFKA = ["confluent-kafka>=2.4"]
TEST = [
    "croniter>=3",  # reads the crontab of the examples
    "hypothesis>=6.100",
    "moto[s3,server]>=5",  # an S3-compatible server in the process of the tests
    "pytest-xdist>=3.6",
    "pytest>=8.2",
]
DEV = [
    "grpcio-tools>=1.71",  # the protobuf compiler
    "mypy>=1.11",
    "ruff>=0.6",
    "types-protobuf>=6.30",
    "types-pyyaml>=6.0",
]

setup(
    name="lengthwise",
    version="0.1.0",
    description="Raw variable-length records in; bucketed TFRecords and a trained masked LSTM out.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=[
        "schemas",
        "schemas.formats",
        "schemas.records",
        "schemas.spans",
        "schemas.streams",
        "pipeline",
        "pipeline.commands",
        "pipeline.drift",
        "pipeline.guards",
        "pipeline.infer",
        "pipeline.report",
        "pipeline.resuming",
        "pipeline.runners",
        "pipeline.scoring",
        "pipeline.sharding",
        "pipeline.spans",
        "pipeline.statistics",
        "pipeline.stores",
        "pipeline.streaming",
        "pipeline.streaming.closing",
        "pipeline.streaming.reading",
        "pipeline.streaming.sources",
        "pipeline.upkeep",
        "pipeline.vocabulary",
        "pipeline.watching",
        "trainer",
        "trainer.batches",
        "trainer.conversion",
        "trainer.export",
        "trainer.following",
        "trainer.foreign",
        "trainer.generation",
        "trainer.models",
        "trainer.prediction",
        "trainer.profiling",
        "trainer.recurrent",
        "trainer.sequence_layers",
        "trainer.settings",
        "trainer.tasks",
        "trainer.training",
        "trainer.word_vectors",
    ],
    package_data={
        "schemas": ["*.proto", "py.typed", "*.pyi"],
        "schemas.records": ["*.json"],
        "pipeline": ["py.typed"],
        "pipeline.report": ["*.jinja", "*.css"],
        "trainer": ["py.typed"],
    },
    install_requires=CORE,
    extras_require={
        "trainer": TRAINER,
        "subwords": SUBWORDS,
        "s3": S3,
        "kafka": KAFKA,
        "test": [*TEST, *TRAINER, *SUBWORDS, *S3, *KAFKA],
        "dev": [*DEV, *TEST, *TRAINER, *SUBWORDS, *S3, *KAFKA],
    },
    entry_points={
        "console_scripts": [
            "lengthwise-pipeline=pipeline.__main__:main",
            "lengthwise-trainer=trainer.__main__:main",
        ]
    },
)
