"""Raw records → bucketed TFRecords with a manifest, on Apache Beam. Never imports TensorFlow.

`PrepareDataset` is the whole job as one PTransform; the other names are its parts, in order.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.analysis import MergeAnalyses
    from pipeline.encode import EncodeBlocks
    from pipeline.group import GroupEvents
    from pipeline.inputs import plan_job
    from pipeline.planning import PlanDataset
    from pipeline.prepare import PrepareDataset
    from pipeline.publish import PublishDataset
    from pipeline.scoring.transform import ScoreRecords
    from pipeline.sharding.shards import WriteShards
    from pipeline.split_facts import MergeWrittenFacts
    from pipeline.stage import StageBlocks
    from pipeline.vocabulary.counting import CountTokens

_HOMES = {
    "CountTokens": "pipeline.vocabulary.counting",
    "EncodeBlocks": "pipeline.encode",
    "GroupEvents": "pipeline.group",
    "MergeAnalyses": "pipeline.analysis",
    "MergeWrittenFacts": "pipeline.split_facts",
    "PlanDataset": "pipeline.planning",
    "PrepareDataset": "pipeline.prepare",
    "PublishDataset": "pipeline.publish",
    "ScoreRecords": "pipeline.scoring.transform",
    "StageBlocks": "pipeline.stage",
    "WriteShards": "pipeline.sharding.shards",
    "plan_job": "pipeline.inputs",
}
__all__ = [
    "CountTokens",
    "EncodeBlocks",
    "GroupEvents",
    "MergeAnalyses",
    "MergeWrittenFacts",
    "PlanDataset",
    "PrepareDataset",
    "PublishDataset",
    "ScoreRecords",
    "StageBlocks",
    "WriteShards",
    "plan_job",
]


def __getattr__(name: str) -> Any:
    """Imports on first use, so that the command line answers before Beam is loaded."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pipeline' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
