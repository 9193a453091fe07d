"""The whole demonstration: history, people, live customers, analysis, and every known answer checked."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from c360_core.decision import Reason
from c360_core.delivery import Outcome
from twin.emulator.emulator import Emulator
from twin.principals import Principal
from twin.scenario import (
    again,
    analysis,
    audiences,
    bought,
    dashboards,
    databases,
    edge,
    history,
    live,
    notebooks,
    partner,
    preparation,
    recommendations,
    reviews,
    unify,
    upkeep,
    vendors,
    warehouse,
)
from twin.scenario.api import ProfileApiClient
from twin.scenario.deployment import Deployment, money
from twin.scenario.result import Analysis, Check, DecisionLine, PersonaAnswer, SentMessage, Stage
from twin.scenario.scoring import Agreement
from twin.scenario.waiting import until
from twin.shoppers import LiveScenario, Manifest, live_customers

Step = Callable[[str], AbstractContextManager[None]]
CLEAN: Final = "CleanApplicationName"
UNIFY: Final = "UnifyApplicationName"
PROBES: Final = live.PROBES
WELCOME: Final = "welcome"
UNHAPPY: Final = "unhappy"
FIRST_PURCHASE: Final = "first_purchase"
# The play that a role of the live customers is about; of all others it is the first purchase.
PLAY_OF: Final = {UNHAPPY: "unhappy_case"}
# What VADER's lexicon makes of the words of that case, which the laptop's Comprehend passes on.
FURIOUS: Final = Decimal("-0.778300")
FOLLOW_UP_SECONDS: Final = 180.0
LIVE_ORDER: Final = Decimal("39.90")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """Immediate results of sending the history.

    Attributes:
        failed_files: ingestions that failed.
        refused: events that the collector refused, by reason.
    """

    failed_files: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveResult:
    """What the live customers did, new people and regulars, and what came of it.

    Attributes:
        events: events that they sent.
        orders: orders among them.
        spend: what these add up to.
        welcome_id: person id of the one who was welcomed.
        mails: mails by role of the customer.
        decisions: what was decided, for the page.
        latency: seconds to the single view, one for each probe.
    """

    events: int
    orders: int
    spend: Decimal
    welcome_id: str
    mails: dict[str, list[SentMessage]]
    decisions: tuple[DecisionLine, ...]
    latency: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What the stores hold once everything live has arrived.

    Attributes:
        totals: what the single view holds.
        lake: what the orders in the lake add up to.
        regular: the single view of the customer with the most data.
    """

    totals: unify.ViewTotals
    lake: Decimal
    regular: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisFindings:
    """What the analysis found.

    Attributes:
        analysis: numbers of the marts.
        persona: what the marketing analyst could read.
        regular: the single view of the customer with the most data, as the API answered it.
        totals: what the single view holds at the end.
        checks: actual values beside the known answers.
    """

    analysis: Analysis
    persona: tuple[PersonaAnswer, ...]
    regular: Mapping[str, Any]
    totals: unify.ViewTotals
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One run of the demonstration on a deployed Customer 360.

    Attributes:
        deployment: what is deployed.
        manifest: the shoppers' data and its known answers.
        folder: where that data is.
        step: shows a step to the person at the terminal and times it.
    """

    deployment: Deployment
    manifest: Manifest
    folder: Path
    step: Step

    @classmethod
    def of(cls, emulator: Emulator, manifest: Manifest, folder: Path, step: Step) -> "Story":
        """Tell the story on what is deployed in an emulator."""
        return cls(deployment=Deployment.of(emulator), manifest=manifest, folder=folder, step=step)

    @property
    def api(self) -> ProfileApiClient:
        """The profile API."""
        caller = self.deployment.emulator.settings.credentials(Principal.APPLICATION)
        return ProfileApiClient(url=self.deployment.url("ProfileApiUrl"), caller=caller)

    @property
    def net_spend(self) -> Decimal:
        """The history's orders less its returns."""
        return money(self.manifest.spend) - money(self.manifest.returned)

    def collect(self) -> Sent:
        """Send the history in: files land and events stream in side by side, while Flink is still starting.

        Nothing that is sent waits for a reader, as on AWS.
        """
        self.deployment.let_sign(history.WEB)
        self.deployment.start_applications(CLEAN)
        with ThreadPoolExecutor(max_workers=1) as pool:
            landing = pool.submit(history.land_files, self.deployment, self.manifest, self.folder)
            with self.step("Start Flink; send a year of baskets and clicks"):
                collected = history.send_events(self.deployment, self.folder, self.manifest)
                self.deployment.wait_for_applications(CLEAN)
            with self.step("Land files: CRM, loyalty, cases, demographics"):
                failed = landing.result()
        return Sent(failed_files=len(failed), refused=collected.rejected)

    def unify(self, sent: Sent) -> tuple[Agreement, list[Check], LiveScenario]:
        """Resolve who is who; check lake and single view against the truth: every event, every row, every cent.

        `unify` starts on a history whose people are known: started before, it would give the whole year to anonymous
        people first and take all of it back. While it reads the year, new people join.
        """
        expected = history.expected_counts(self.manifest)
        with ThreadPoolExecutor(max_workers=2) as pool:
            counting = pool.submit(history.wait_for_lake, self.deployment, expected)
            with self.step("Resolve identities; start unify"):
                self.deployment.start_applications(UNIFY)
                unify.resolve(self.deployment)
            with self.step("Score the matching against the truth"):
                agreement = unify.agreement(self.deployment, self.folder)
            with self.step(f"clean: {expected.total:,} events into lake and quarantine"):
                counts = counting.result()
            # Not before the history is counted: what is said of new people are events, too.
            joining = pool.submit(self._let_people_join)
            with self.step("unify: interactions to people, into the single view"):
                totals = unify.wait_for_view(self.deployment, orders=self.manifest.orders, spend=self.net_spend)
            with self.step("New people join: ingest and resolve them"):
                people = joining.result()
        checks = [
            *self._collected(sent, expected, counts),
            Check(name="orders in the single view", expected=self.manifest.orders, actual=totals.orders),
            Check(name="spend in the single view", expected=self.net_spend, actual=totals.spend),
        ]
        return agreement, checks, people

    def _collected(self, sent: Sent, expected: history.LakeCounts, found: history.LakeCounts) -> list[Check]:
        refusals = history.refused_over_http(self.folder, self.manifest)
        return [
            Check(name="file ingestions that failed", expected=0, actual=sent.failed_files),
            Check(
                name="refused by the collector with a reason",
                expected=sum(refusals.values()),
                actual=sum(min(count, sent.refused.get(reason, 0)) for reason, count in refusals.items()),
            ),
            *edge.checks(self.deployment),
            Check(name="clean interactions", expected=expected.clean, actual=found.clean),
            Check(name="duplicates", expected=expected.duplicates, actual=found.duplicates),
            Check(name="rejected, in quarantine", expected=expected.rejected, actual=found.rejected),
        ]

    def _let_people_join(self) -> LiveScenario:
        """Land what other systems say of new people. One has a complaint: an answer leaves once it is known whose."""
        live.verify_sender(self.deployment)
        people = live_customers(datetime.now(UTC), self.manifest.seed)
        live.introduce(self.deployment, people, self.folder / "live")
        unify.resolve(self.deployment)
        return people

    def live(self, people: LiveScenario) -> tuple[LiveResult, list[Check]]:
        """Let the new people shop; check who gets mail, and that a withdrawn consent stops the next message.

        A decision waits until a profile has settled. Meanwhile regular customers shop, too, and their way is timed.
        """
        with (
            ThreadPoolExecutor(max_workers=1) as pool,
            self.step(f"They shop; decisions are taken; {PROBES} orders of others are timed"),
        ):
            ids = {person.role: live.person_of(self.api, person) for person in people.all}
            reviewed = reviews.deliver(self.deployment, people.welcome.email)
            events = reviewed + sum(live.act(self.deployment, person) for person in people.all)
            timing = pool.submit(lambda: live.latencies(self.deployment, self.api, self._cards()))
            decided = {
                role: live.decisions_about(self.api, person_id, play=PLAY_OF.get(role, FIRST_PURCHASE))
                for role, person_id in ids.items()
            }
            mood = live.mood_of(self.api, ids[UNHAPPY])
            latency = timing.result()
        with self.step("Mails leave"):
            mails = self._mails(people)
        with self.step("A mail is read; its link ends the consent, and the next message must stop"):
            became = live.follow_link(self.deployment, self.api, people.welcome, ids[WELCOME])
            live.unsubscribe(self.deployment, people.welcome)
            asked = ("marketing", "email")
            answers = self.api.page(ids[WELCOME], "consents")
            agreed = [one["granted"] for one in answers if (one["purpose"], one["channel"]) == asked]
            self.api.put_consent(ids[WELCOME], "marketing", "email", granted=False)
        live_result = LiveResult(
            events=events + len(latency),
            orders=len(people.shoppers) + len(latency),
            spend=LIVE_ORDER * len(people.shoppers) + Decimal(live.PROBE_AMOUNT) * len(latency),
            welcome_id=ids[WELCOME],
            mails=mails,
            decisions=tuple(_decision_line(role, line) for role, lines in decided.items() for line in lines),
            latency=tuple(latency),
        )
        return live_result, [
            *_live_checks(decided, mails),
            Check(name="sentiment of the very unhappy case", expected=FURIOUS, actual=mood),
            Check(name="what became of the welcome", expected=str(Outcome.CLICKED), actual=became),
            Check(name="consents to e-mail after one click", expected="no", actual="yes" if any(agreed) else "no"),
        ]

    def read_databases(self) -> tuple[databases.Read, list[Check]]:
        """Let customers order in the order system; read its databases, and what disappears from them."""
        with self.step("Read an order system's databases: PostgreSQL, MariaDB"):
            read = databases.read(
                self.deployment, self._contacts(), self.deployment.emulator.settings.home / "databases"
            )
        return read, [
            Check(
                name="rows of orders out of PostgreSQL", expected=databases.BUYERS, actual=read.rows[databases.ORDERS]
            ),
            Check(
                name="rows of customers out of MariaDB",
                expected=len(databases.CUSTOMER_NUMBERS),
                actual=read.rows[databases.CUSTOMERS],
            ),
            Check(name="orders that disappeared from PostgreSQL", expected=databases.GONE, actual=read.gone),
        ]

    def withdrawn_stops(self, people_mails: int) -> Check:
        """Wait until the welcome journey has come to its second message; check that it was not sent."""
        states = self.deployment.client("stepfunctions")
        machine = self.deployment.outputs["WelcomeJourneyStateMachineArn"]
        with self.step("The follow-up comes due"):
            until(
                "the welcome journey of the one who withdrew has ended",
                lambda: states.list_executions(stateMachineArn=machine, statusFilter="SUCCEEDED")["executions"],
                lambda ended: len(ended) >= 1,
                seconds=FOLLOW_UP_SECONDS,
                pause=1.0,
            )
        now = len(live.outbox(self.deployment))
        return Check(name="mails after the consent was withdrawn", expected=0, actual=now - people_mails)

    def analyse(self, live_result: LiveResult, ordered: databases.Read) -> AnalysisFindings:
        """Build the marts, read them, and ask as a persona."""
        spend = self.net_spend + live_result.spend + ordered.spend
        with ThreadPoolExecutor(max_workers=1) as pool, ThreadPoolExecutor(max_workers=2) as flows:
            contacts = flows.submit(vendors.read, self.deployment)
            with self.step("Customers agree to personalisation"):
                agreed = recommendations.agree(self.deployment, self.api)
            with self.step("The single view and the lake hold what happened live"):
                arrived = self._arrived(self.manifest.orders + live_result.orders + ordered.orders, spend, agreed)
            with self.step("Check the tables that the models are built from"):
                quality = upkeep.checked(self.deployment)
                known_identifiers = upkeep.identifiers(self.deployment)
            with self.step("Build and test the dbt models on Athena"):
                analysis.build_models(self.deployment)
            loading = pool.submit(warehouse.loaded, self.deployment)
            tended = self._tended()
            with self.step("Load the warehouse from the marts; ask it"):
                loading.result()
                asked = warehouse.ask(self.deployment)
            asking = pool.submit(analysis.ask_as_analyst, self.deployment)
            training = flows.submit(recommendations.train, self.deployment)
            with self.step("Whom the bought products describe"):
                described = bought.checks(self.deployment, self.manifest, self.folder)
            with self.step("Read the marts with awswrangler"):
                numbers = analysis.read_marts(self.deployment)
                known = self._mart_spend()
                standing = reviews.standing(self.deployment)
            with self.step("Fill the dashboards' data sets; draw their pages"):
                drawn = dashboards.checks(self.deployment, self.deployment.emulator.settings.home / dashboards.FOLDER)
            with self.step("Prepare the customers by the recipe of DataBrew"):
                prepared = preparation.checks(self.deployment)
            with self.step("Recommend articles to those who agreed"):
                training.result()
                recommended = recommendations.checks(
                    self.deployment, self.api, agreed, others_id=live_result.welcome_id
                )
            with self.step("Run a notebook on Athena, and one on Spark"):
                counted = notebooks.checks(self.deployment, self.deployment.emulator.settings.home / "notebooks")
            with self.step("Ask as the marketing analyst"):
                members, named = analysis.ask_by_name(self.deployment)
            with self.step("A partner joins the clean room, and asks"):
                met = partner.checks(self.deployment, live_result.welcome_id)
            with self.step("Advertising platforms hear who joins an audience"):
                shared = (*met, *audiences.checks(self.deployment, live_result.welcome_id))
            with self.step("Contacts of a vendor arrive by its flow"):
                read = contacts.result()
        answers = (*asking.result(), named)
        refused = sum(not answer.allowed for answer in answers)
        checks = (
            Check(name="spend in the lake", expected=spend, actual=arrived.lake),
            Check(name="spend of known people in customer_360", expected=arrived.totals.known_spend, actual=known),
            Check(name="rules that the checked tables break", expected=0, actual=quality.broken),
            Check(
                name="identifiers, as the check counted them", expected=known_identifiers, actual=quality.identifiers
            ),
            *tended,
            Check(name="reviews that still stand", expected=reviews.KNOWN, actual=standing),
            *described,
            *drawn,
            *prepared,
            *recommended,
            *counted,
            *shared,
            Check(name="a vendor's contacts, read twice", expected=vendors.KNOWN, actual=read),
            Check(name="spend in the warehouse, to the cent of Athena's", expected=asked.athena, actual=asked.asked),
            Check(
                name="amounts streamed into the warehouse, to the cent of the lake's",
                expected=asked.in_lake,
                actual=asked.streamed,
            ),
            Check(
                name="persona: relations that warehouse and lake show alike",
                expected=len(warehouse.ALIKE),
                actual=asked.alike,
            ),
            Check(name="persona: changes of the warehouse refused", expected=1, actual=asked.refused),
            Check(name="persona: masked columns read", expected="yes", actual="yes" if answers[0].allowed else "no"),
            Check(name="persona: clear columns refused", expected=len(analysis.REFUSED_SQL), actual=refused),
            Check(
                name="persona: members of a segment, asked by name",
                expected=dict(numbers.segments).get(analysis.ASKED_SEGMENT, 0),
                actual=members,
            ),
        )
        return AnalysisFindings(
            analysis=numbers, persona=answers, regular=arrived.regular, totals=arrived.totals, checks=checks
        )

    def _tended(self) -> tuple[Check, ...]:
        """Take out of the lake what must leave it, and send again what may come again."""
        with self.step("Texts that were taken back leave the lake"):
            texts = reviews.texts_in_the_lake(self.deployment)
        with self.step("What is older than its contract allows leaves the lake"):
            outlived = upkeep.outlived(self.deployment)
        with self.step("Reviews go over the stream again; why others were rejected"):
            refilled = again.fill(self.deployment, reviews.SOURCE)
            misjudged = again.differing(again.rejected(self.deployment), again.rejections_sent(self.manifest))
        return (
            Check(name="rows that outlived their contract", expected=0, actual=outlived),
            Check(name="texts of reviews in the lake", expected=reviews.STANDING, actual=texts),
            Check(name="interactions that a backfill sent again", expected=reviews.EVENTS, actual=refilled),
            Check(name="reasons of rejections that nobody expected", expected=0, actual=misjudged),
        )

    def _arrived(self, orders: int, spend: Decimal, agreed: Sequence[str]) -> Arrived:
        """Wait until the single view and the lake hold so many orders, so much spend, and who agreed."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            viewing = pool.submit(unify.wait_for_view, self.deployment, orders=orders, spend=spend)
            regular = pool.submit(self._regular)
            lake = unify.wait_for_lake_spend(self.deployment, spend)
            recommendations.wait_for_answers(self.deployment, agreed)
            return Arrived(totals=viewing.result(), lake=lake, regular=regular.result())

    def stages(self, live_result: LiveResult, found: AnalysisFindings, checks: list[Check]) -> tuple[Stage, ...]:
        """Return the counts along the way of the data."""
        counted = {check.name: int(check.actual) for check in checks if isinstance(check.actual, int)}
        return (
            Stage(
                pillar="collection",
                name="history sent",
                count=self.manifest.events_sent + self.manifest.rows_refused,
                note="events, and rows of files that break their contract",
            ),
            Stage(pillar="collection", name="clean", count=counted["clean interactions"]),
            Stage(pillar="collection", name="duplicates", count=counted["duplicates"]),
            Stage(pillar="collection", name="rejected", count=counted["rejected, in quarantine"]),
            Stage(
                pillar="collection",
                name="live events",
                count=live_result.events,
                note="of the new people, and the timed orders",
            ),
            Stage(pillar="unification", name="profiles", count=found.totals.profiles, note="known and anonymous"),
            Stage(pillar="unification", name="orders", count=found.totals.orders),
            Stage(pillar="activation", name="decisions", count=len(live_result.decisions)),
            Stage(pillar="activation", name="mails", count=sum(len(mails) for mails in live_result.mails.values())),
        )

    def _regular(self) -> dict[str, Any]:
        """Return the single view of the customer with the most links, cases and bought facts, then orders."""

        def known(item: Mapping[str, Any]) -> tuple[int, bool, int]:
            sums = item.get("aggregates", {})
            rated = sums.get("csat_average") is not None
            return len(item.get("links", {})) + len(item.get("enrichment", {})), rated, int(sums.get("orders") or 0)

        fullest = max(self.deployment.profiles(), key=known)
        return self.api.get(str(fullest["PK"]).removeprefix("PERSON#")) or {}

    def _mails(self, people: LiveScenario) -> dict[str, list[SentMessage]]:
        """Wait for the mails that must leave, then look at everybody's."""
        for person in (people.welcome, people.unhappy):
            until(
                f"a mail to {person.role}",
                lambda person=person: live.mails_to(self.deployment, person),  # type: ignore[misc]
                lambda mails: len(mails) > 0,
                seconds=live.EFFECT_SECONDS,
            )
        return {person.role: live.mails_to(self.deployment, person) for person in people.all}

    def _cards(self) -> list[str]:
        """Return loyalty cards of people with a history, in a fixed order."""
        links = (item.get("links", {}).get("loyalty_id") for item in self.deployment.profiles())
        return sorted({str(card) for card in links if card and not str(card).startswith("L88")})[:PROBES]

    def _contacts(self) -> list[str]:
        """Return CRM ids of people with a history, in a fixed order."""
        ids = (item.get("links", {}).get("crm_id") for item in self.deployment.profiles("links"))
        return sorted({str(one) for one in ids if one})[: databases.BUYERS]

    def _mart_spend(self) -> Decimal:
        environment = self.deployment.emulator.settings.environment
        rows = self.deployment.query(f"SELECT sum(spend) FROM c360_{environment}_products.customer_360")  # noqa: S608
        return money(rows[0][0])


def scores(agreement: Agreement) -> dict[str, float]:
    """Return every score by name."""
    return {
        "pairwise precision": agreement.pairwise.precision,
        "pairwise recall": agreement.pairwise.recall,
        "pairwise F1": agreement.pairwise.f1,
        "B-cubed precision": agreement.b_cubed.precision,
        "B-cubed recall": agreement.b_cubed.recall,
        "B-cubed F1": agreement.b_cubed.f1,
    }


def _live_checks(decided: dict[str, list[dict[str, Any]]], mails: dict[str, list[SentMessage]]) -> list[Check]:
    actions = {role: str(lines[0]["action"]) for role, lines in decided.items()}
    return [
        Check(name="first purchase by day: decision", expected="send", actual=actions["welcome"]),
        Check(name="first purchase by night: decision", expected="defer", actual=actions["night"]),
        Check(name="first purchase before the best hour: decision", expected="defer", actual=actions["later"]),
        Check(
            name="what that welcome waits for",
            expected=str(Reason.BEST_HOUR),
            actual=str(list(decided["later"][0]["reasons"])[-1]),
        ),
        Check(name="very unhappy case: decision", expected="send", actual=actions["unhappy"]),
        Check(name="first purchase without consent: decision", expected="silence", actual=actions["withdrawn"]),
        Check(name="mails to the welcomed", expected=1, actual=len(mails["welcome"])),
        Check(name="mails to the unhappy", expected=1, actual=len(mails["unhappy"])),
        Check(name="mails at night", expected=0, actual=len(mails["night"])),
        Check(name="mails before the best hour", expected=0, actual=len(mails["later"])),
        Check(name="mails without consent", expected=0, actual=len(mails["withdrawn"])),
    ]


def _decision_line(role: str, line: dict[str, Any]) -> DecisionLine:
    return DecisionLine(
        customer=role,
        trigger=str(line.get("trigger", "")),
        action=str(line.get("action", "")),
        reasons=tuple(str(reason) for reason in line.get("reasons", ())),
        decided_at=str(line.get("decided_at", "")),
    )
