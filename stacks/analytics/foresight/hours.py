"""The monthly run of the hours to send at: copy what became of messages, learn, publish if hours tell something."""

from typing import Final

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from config.analytics import ModelsSettings
from stacks.analytics.foresight.containers import INPUTS, OUTPUTS, Job
from stacks.analytics.foresight.model import SEND_HOURS
from stacks.analytics.foresight.run import AT, COPY, SKILL, Means, MonthlyRun, filled
from stacks.constructs.workgroup import Workgroup
from stacks.shared.platform import Platform

_MODULE: Final = "send_hours"
_MESSAGES: Final = "messages"
_EVALUATION: Final = "evaluation"
_SCORES: Final = "scores"


def learning_job(messages: str, evaluation: str, scores: str) -> Job:
    """Return the job that learns, by the places of what it reads and of what it writes."""
    return Job(
        module=_MODULE,
        arguments={_MESSAGES: f"{INPUTS}/{_MESSAGES}", "output": OUTPUTS},
        inputs={_MESSAGES: messages},
        outputs={_EVALUATION: evaluation, _SCORES: scores},
    )


class HourLearning(MonthlyRun):
    """One job learns, tries what it has learned on later messages, and scores. There is no version to approve."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        means: Means,
        workgroup: Workgroup,
        settings: ModelsSettings,
        platform: Platform,
    ) -> None:
        super().__init__(
            scope, id_, model=SEND_HOURS, means=means, workgroup=workgroup, settings=settings, platform=platform
        )
        self.run = self._start(
            self._steps(),
            jobs=1,
            subject="the hours to send messages at could not be learned",
            description="Another month is over: learn in which hour each customer answers messages",
        )

    def _steps(self) -> sfn.IChainable:
        done = sfn.Succeed(self, "Published")
        nothing = sfn.Succeed(self, "HoursTellNothing", comment="no hour is better than another")
        # By the day from which on it was tried: the same messages make the same hours, and so the same events.
        version = f"States.Format('{self._model.name} {{}}', $.quality.report.held_out)"
        publish = self._publish(model=version, file=f"{_SCORES}.jsonl", then=done)
        useful = sfn.Condition.boolean_equals("$.quality.report.verdict.approved", value=True)
        judge = sfn.Choice(self, "DoHoursTell").when(useful, publish).otherwise(nothing)
        key = f"States.Format('{self._model.name}/{{}}/{_EVALUATION}.json', $.job)"
        quality = self._read("ReadQuality", key, "$.quality")
        measure = self._measure([(SKILL, "$.quality.report.loss.skill")])
        learn = self._learn(quality.next(measure).next(judge))
        return self._names().next(self._copy()).next(learn)

    def _learn(self, on: sfn.IChainable) -> sfn.IChainable:
        job = learning_job(*(AT.format(name) for name in (_MESSAGES, _EVALUATION, _SCORES)))
        means = self._means
        request = job.request(image=means.image, role=means.role, code=means.code, sizes=means.sizes)
        kept = f"s3://{means.models.bucket_name}/{self._model.name}"
        places = {
            AT.format(_MESSAGES): f"States.Format('{{}}/{COPY}/', $.place)",
            AT.format(_EVALUATION): f"States.Format('{kept}/{{}}', $.job)",
            AT.format(_SCORES): f"States.Format('{{}}/{_SCORES}', $.place)",
        }
        learn = self._call(
            "Learn",
            "createProcessingJob",
            {"ProcessingJobName.$": "$.job", **filled(request, places)},
            result=sfn.JsonPath.DISCARD,
        )
        named = {"ProcessingJobName.$": "$.job"}
        failed = self._failed("Learning", "ExitMessage")
        learn.next(
            self._until_ended(
                "Learning", "describeProcessingJob", named, "ProcessingJobStatus", "Completed", on, failed
            )
        )
        return learn
