"""Entity Resolution."""

from ops.smoke.checks import check, expect
from ops.smoke.deployed import DeployedEnvironment
from ops.smoke.errors import CheckFailedError, CheckSkippedError


@check("Entity Resolution", fix="deploy Unification again; do not deploy while ResolveIdentity runs")
def entity_resolution(deployed: DeployedEnvironment) -> str:
    """The matching workflow uses a schema mapping that is there."""
    client, name = deployed.client("entityresolution"), deployed.output("MatchingWorkflowName")
    workflow = client.get_matching_workflow(workflowName=name)
    used = [str(source["schemaName"]) for source in workflow["inputSourceConfig"]]
    there = [client.get_schema_mapping(schemaName=schema)["schemaName"] for schema in used]
    return expect([] if there else [f"{name} has no input"], f"{name} with {', '.join(there)}")


@check("matching job", fix="errorDetails of the job says why; ResolveIdentity's execution shows its input")
def matching_job(deployed: DeployedEnvironment) -> str:
    """The last matching job did not fail."""
    client, name = deployed.client("entityresolution"), deployed.output("MatchingWorkflowName")
    pages = client.get_paginator("list_matching_jobs").paginate(workflowName=name)
    jobs = [job for page in pages for job in page["jobs"]]
    if not jobs:
        raise CheckSkippedError(f"{name} has not run yet")
    last = max(jobs, key=lambda job: job["startTime"])
    if last["status"] != "FAILED":
        return f"{last['jobId']} {last['status']}"
    details = client.get_matching_job(workflowName=name, jobId=last["jobId"]).get("errorDetails", {})
    raise CheckFailedError(f"{last['jobId']} FAILED: {details.get('errorMessage', 'no reason')}")
