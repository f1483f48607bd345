"""Sales pipelines as data: which stages a deal passes, and what each of them asks for."""

from crmkit.pipeline.stages.definition import SalesPipeline, Stage
from crmkit.pipeline.stages.desk import PipelineDefined, PipelineDefinition, Stages, pipeline_of
from crmkit.pipeline.stages.presets import B2B, B2C, PRESETS, STANDARD

__all__ = [
    "B2B",
    "B2C",
    "PRESETS",
    "STANDARD",
    "PipelineDefined",
    "PipelineDefinition",
    "SalesPipeline",
    "Stage",
    "Stages",
    "pipeline_of",
]
