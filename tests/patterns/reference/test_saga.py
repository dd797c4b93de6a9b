"""The order saga: moto's interpreter runs the state machines, and the handlers are called for real.

moto would run a Lambda function in Docker. Here the one function by which its interpreter invokes Lambda
(`lambda_eval_utils._invoke_lambda_function`) is replaced by `Lambda`, which calls the handler in this process: input
and answer go through JSON, an exception becomes the FunctionError that Lambda's Python runtime reports. Replaced too is
the `time.sleep` between retries, so that their waits are recorded and not spent. Everything else, Retry and Catch and
TimeoutSeconds included, is moto's interpreter.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils

from patterns.reference.saga import handlers, naive
from tests.patterns.reference.tools import PATIENCE_S, apart, items, make_table, meet, together

FOLDER = Path(handlers.__file__).parent
SOUND = json.loads((FOLDER / "sound.asl.json").read_text())
NAIVE = json.loads((FOLDER / "naive.asl.json").read_text())
ORDER: handlers.Order = {"order_id": "order-1", "card": "ada", "cents": 3000, "item": "lamp", "units": 1}
FORWARD, BACK = ["reserve-payment", "reserve-stock", "confirm-order"], ["return-stock", "release-payment"]


class Lambda:
    """Invokes handlers in this process. `around[name]`, if set, is called with the invocation to make instead."""

    def __init__(self, handler: Callable[[Any, Any], Any]) -> None:
        self.handler = handler
        self.invoked: list[str] = []
        self.around: dict[str, Callable[[Callable[[], Any]], Any]] = {}

    def __call__(self, parameters: dict[str, Any], region: str, state_credentials: Any) -> dict[str, Any]:
        name, event = parameters["FunctionName"], json.loads(parameters["Payload"])
        self.invoked.append(name)
        try:
            around = self.around.get(name, lambda invocation: invocation())
            answer = around(lambda: self.handler(event, SimpleNamespace(function_name=name)))
        except ClientError as error:
            if error.operation_name == "Invoke":
                raise
            return self._failed(error)
        except Exception as error:
            return self._failed(error)
        return {"StatusCode": 200, "Payload": json.loads(json.dumps(answer))}

    @staticmethod
    def _failed(error: Exception) -> dict[str, Any]:
        payload = {"errorType": type(error).__name__, "errorMessage": str(error)}
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}


def unavailable() -> ClientError:
    """What Step Functions sees when Lambda itself is in trouble: the error Lambda.ServiceException."""
    response: Any = {
        "Error": {"Code": "ServiceException", "Message": "injected"},
        "ResponseMetadata": {"HTTPStatusCode": 500, "RequestId": "injected"},
    }
    return ClientError(response, "Invoke")


def loses_answers(times: int) -> Callable[[Callable[[], Any]], Any]:
    """The work is done, and its answer does not arrive, `times` times."""
    left = [times]

    def around(invocation: Callable[[], Any]) -> Any:
        answer = invocation()
        left[0] -= 1
        if left[0] >= 0:
            raise unavailable()
        return answer

    return around


def is_down(times: float) -> Callable[[Callable[[], Any]], Any]:
    """Nothing is done, `times` times."""
    left = [times]

    def around(invocation: Callable[[], Any]) -> Any:
        left[0] -= 1
        if left[0] >= 0:
            raise unavailable()
        return invocation()

    return around


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the interpreter would have waited before each retry."""
    waited: list[float] = []
    monkeypatch.setattr(retrier_decl, "time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def shop(dynamodb, monkeypatch):
    """A table with a card that is good for 100 € and five lamps."""
    make_table(dynamodb, "shop")
    set_balance(dynamodb, "ada", 10_000)
    set_balance(dynamodb, "lamp", 5)
    monkeypatch.setattr(handlers, "client", lambda: dynamodb)
    monkeypatch.setattr(naive, "client", lambda: dynamodb)
    return dynamodb


def set_balance(dynamodb, name, amount):
    dynamodb.put_item(TableName="shop", Item={"id": {"S": name}, "amount": {"N": str(amount)}})


@pytest.fixture
def sound(monkeypatch, shop, waits):
    invoker = Lambda(handlers.lambda_handler)
    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoker)
    return invoker


@pytest.fixture
def naive_lambda(monkeypatch, shop, waits):
    invoker = Lambda(naive.lambda_handler)
    monkeypatch.setattr(lambda_eval_utils, "_invoke_lambda_function", invoker)
    return invoker


@pytest.fixture
def run(session):
    """Runs an order through a state machine to its end; the execution's status."""
    client = session.client("stepfunctions")
    role = "arn:aws:iam::123456789012:role/saga"

    def execute(definition: dict[str, Any], order: handlers.Order = ORDER) -> Any:
        machine = client.create_state_machine(name="saga", definition=json.dumps(definition), roleArn=role)
        execution = client.start_execution(
            stateMachineArn=machine["stateMachineArn"], name=order["order_id"], input=handlers.order_input(order)
        )
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            status = client.describe_execution(executionArn=execution["executionArn"])["status"]
            if status != "RUNNING":
                return status
            time.sleep(0.01)
        raise AssertionError("the execution does not end")

    return execute


def balances(dynamodb) -> tuple[int, int]:
    """Cents left on the card, lamps left."""
    found = items(dynamodb, "shop")
    return found["ada"]["amount"], found["lamp"]["amount"]


def order_record(dynamodb):
    return items(dynamodb, "shop")["order-1"]


def give_the_order_a_list(dynamodb):
    """Spares the naive handlers their seventh mistake, to show the others."""
    dynamodb.put_item(TableName="shop", Item={"id": {"S": "order-1"}, "steps": {"L": []}})


# The naive saga


def test_naive_a_note_in_a_list_that_does_not_exist_fails_every_order_and_keeps_its_money(naive_lambda, shop, run):
    status = run(NAIVE)

    assert status == "FAILED"
    assert naive_lambda.invoked == ["reserve-payment"] * 4 + ["release-payment"]
    # Paid three times and refused; the fourth time the card was empty, and then 30 € came back.
    assert balances(shop) == (4_000, 5)


def test_naive_what_was_never_done_is_undone(naive_lambda, shop, run):
    give_the_order_a_list(shop)
    set_balance(shop, "lamp", 0)

    run(NAIVE)

    assert balances(shop) == (10_000, 1)


def test_naive_a_refusal_is_retried_three_times(naive_lambda, shop, run, waits):
    give_the_order_a_list(shop)
    set_balance(shop, "lamp", 0)

    run(NAIVE)

    assert naive_lambda.invoked.count("reserve-stock") == 4
    assert waits == [1, 2, 4]


def test_naive_a_lost_answer_charges_twice(naive_lambda, shop, run):
    give_the_order_a_list(shop)
    naive_lambda.around["reserve-payment"] = loses_answers(1)

    status = run(NAIVE)

    assert (status, *balances(shop)) == ("SUCCEEDED", 4_000, 4)


def test_naive_a_step_without_catch_leaves_money_and_stock_reserved(naive_lambda, shop, run):
    give_the_order_a_list(shop)
    naive_lambda.around["confirm-order"] = is_down(1)

    status = run(NAIVE)

    assert (status, *balances(shop)) == ("FAILED", 7_000, 4)


def test_naive_as_long_as_nothing_goes_wrong_an_order_is_confirmed(naive_lambda, shop, run):
    give_the_order_a_list(shop)

    status = run(NAIVE)

    assert (status, *balances(shop)) == ("SUCCEEDED", 7_000, 4)


def test_naive_a_hiccup_of_a_compensation_ends_the_way_back(naive_lambda, shop, run):
    give_the_order_a_list(shop)
    naive_lambda.around["reserve-stock"] = is_down(4)
    naive_lambda.around["return-stock"] = is_down(1)

    status = run(NAIVE)

    assert (status, *balances(shop)) == ("FAILED", 7_000, 5)


# The sound saga: the three ways it can end


def test_sound_a_good_order_is_confirmed(sound, shop, run):
    status = run(SOUND)

    assert (status, *balances(shop)) == ("SUCCEEDED", 7_000, 4)
    assert order_record(shop) == {"state": "CONFIRMED", "steps": ["payment HELD", "stock HELD"]}
    assert sound.invoked == FORWARD


@pytest.mark.parametrize(
    ("short_of", "left", "steps"),
    [("ada", 2_999, None), ("lamp", 0, ["payment HELD", "payment RELEASED"])],
)
def test_sound_a_refusal_undoes_what_was_done_and_nothing_else(sound, shop, run, waits, short_of, left, steps):
    set_balance(shop, short_of, left)
    before = balances(shop)

    status = run(SOUND)

    assert (status, balances(shop)) == ("SUCCEEDED", before)
    assert order_record(shop)["state"] == "REFUSED"
    assert order_record(shop).get("steps") == steps
    assert waits == []


def test_sound_a_cancelled_order_is_undone_in_reverse(sound, shop, run):
    def meanwhile(invocation):
        assert handlers.cancel_order(shop, "order-1")
        return invocation()

    sound.around["confirm-order"] = meanwhile

    status = run(SOUND)

    assert (status, *balances(shop)) == ("SUCCEEDED", 10_000, 5)
    assert order_record(shop) == {
        "state": "CANCELLED",
        "steps": ["payment HELD", "stock HELD", "stock RELEASED", "payment RELEASED"],
    }


def test_sound_a_confirmed_order_cannot_be_cancelled(sound, shop, run):
    run(SOUND)

    assert handlers.cancel_order(shop, "order-1") is False


# The sound saga under failures


@pytest.mark.parametrize("step", FORWARD)
@pytest.mark.parametrize("trouble", [loses_answers, is_down])
def test_sound_a_step_that_fails_for_the_moment_is_retried_and_counts_once(sound, shop, run, waits, step, trouble):
    sound.around[step] = trouble(2)

    status = run(SOUND)

    assert (status, *balances(shop)) == ("SUCCEEDED", 7_000, 4)
    assert order_record(shop) == {"state": "CONFIRMED", "steps": ["payment HELD", "stock HELD"]}
    # Full jitter: anything up to 1 s, then up to 2 s.
    assert len(waits) == 2
    assert all(0 <= wait <= limit for wait, limit in zip(waits, [1, 2], strict=True))


@pytest.mark.parametrize("step", ["reserve-payment", "reserve-stock"])
@pytest.mark.parametrize("trouble", [loses_answers, is_down])
def test_sound_a_step_whose_outcome_stays_unknown_is_undone_whether_it_happened_or_not(sound, shop, run, step, trouble):
    sound.around[step] = trouble(4)

    status = run(SOUND)

    assert (status, *balances(shop)) == ("SUCCEEDED", 10_000, 5)
    assert order_record(shop)["state"] == "REFUSED"


@pytest.mark.parametrize("step", BACK)
@pytest.mark.parametrize("trouble", [loses_answers, is_down])
def test_sound_a_compensation_is_retried_until_it_works_and_counts_once(sound, shop, run, waits, step, trouble):
    sound.around["reserve-stock"] = loses_answers(4)
    sound.around[step] = trouble(20)

    status = run(SOUND)

    assert (status, *balances(shop)) == ("SUCCEEDED", 10_000, 5)
    assert max(waits) <= 300


@pytest.mark.parametrize("step", [*BACK, "confirm-order"])
def test_sound_what_can_neither_be_finished_nor_undone_goes_to_a_person(sound, shop, run, step):
    if step in BACK:
        sound.around["reserve-stock"] = is_down(4)
    sound.around[step] = is_down(float("inf"))

    status = run(SOUND)

    assert status == "FAILED"
    assert order_record(shop)["state"] == "NEEDS_A_PERSON"
    assert sound.invoked.count(step) == 21


def test_sound_a_request_that_arrives_after_its_own_compensation_is_refused(sound, shop, run):
    compensated, ended, late = Event(), Event(), []

    def overtaken(invocation):
        assert compensated.wait(PATIENCE_S)
        try:
            invocation()
        except handlers.TooLate as error:
            late.append(error)
        finally:
            ended.set()

    def compensating(invocation):
        invocation()
        compensated.set()

    sound.around["reserve-stock"] = overtaken
    sound.around["return-stock"] = compensating
    # The one real wait among these tests: the interpreter takes whole seconds.
    impatient = json.loads(json.dumps(SOUND))
    impatient["States"]["ReserveStock"]["TimeoutSeconds"] = 1

    status = run(impatient)

    assert ended.wait(PATIENCE_S)
    assert len(late) == 1
    assert (status, *balances(shop)) == ("SUCCEEDED", 10_000, 5)


def test_sound_two_orders_for_the_last_lamp_sell_it_once(sound, shop, run):
    set_balance(shop, "lamp", 1)
    other: handlers.Order = {**ORDER, "order_id": "order-2"}
    meet_at_stock(sound, parties=2)

    statuses = together(lambda: run(SOUND), lambda: run(SOUND, other))

    assert statuses == ["SUCCEEDED"] * 2
    assert balances(shop) == (7_000, 0)
    assert sorted(items(shop, "shop")[order]["state"] for order in ("order-1", "order-2")) == ["CONFIRMED", "REFUSED"]


def meet_at_stock(sound, parties):
    barrier = Barrier(parties, timeout=PATIENCE_S)

    def around(invocation):
        barrier.wait()
        return invocation()

    sound.around["reserve-stock"] = around


# The handlers alone, two at a time


def test_sound_the_same_reservation_twice_at_once_takes_once(shop):
    meet(shop, "before-call.dynamodb.TransactWriteItems", 2)

    together(*[lambda: handlers.reserve_stock(shop, ORDER)] * 2)

    assert balances(shop) == (10_000, 4)


def test_sound_a_reservation_and_its_compensation_at_once_end_without_either(shop):
    """Whoever comes first: the reservation is held and released, or barred. Busy means that Retry tries again."""
    meet(shop, "before-call.dynamodb.TransactWriteItems", 2)

    def reserve():
        try:
            handlers.reserve_stock(shop, ORDER)
        except handlers.TooLate:
            return

    def release():
        try:
            handlers.return_stock(shop, ORDER)
        except handlers.Busy:
            return

    together(reserve, release)
    apart(shop, "before-call.dynamodb.TransactWriteItems")
    handlers.return_stock(shop, ORDER)

    assert balances(shop) == (10_000, 5)
    with pytest.raises(handlers.TooLate):
        handlers.reserve_stock(shop, ORDER)


def test_sound_a_reservation_that_slips_in_while_it_is_being_barred_makes_the_compensation_busy(shop):
    def slip_in(**_: Any) -> None:
        handlers.reserve_stock(shop, ORDER)

    shop.meta.events.register("before-call.dynamodb.PutItem", slip_in)

    with pytest.raises(handlers.Busy):
        handlers.return_stock(shop, ORDER)
    handlers.return_stock(shop, ORDER)

    assert balances(shop) == (10_000, 5)


@pytest.mark.parametrize("work", [handlers.reserve_stock, handlers.return_stock])
def test_sound_a_conflict_with_another_transaction_is_busy(shop, work):
    """moto knows no conflicts between transactions, so one is injected, as DynamoDB reports it."""
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}, {"Code": "None"}]
    response: Any = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}

    def conflict(**_: Any) -> None:
        raise ClientError(response, "TransactWriteItems")

    shop.meta.events.register("before-call.dynamodb.TransactWriteItems", conflict)

    with pytest.raises(handlers.Busy):
        work(shop, ORDER)


def test_sound_another_error_goes_on_as_it_is(shop):
    shop.delete_table(TableName="shop")

    with pytest.raises(ClientError, match="not found"):
        handlers.reserve_stock(shop, ORDER)


# The definition


TASKS = {name: state for name, state in SOUND["States"].items() if state["Type"] == "Task"}


@pytest.mark.parametrize("name", TASKS)
def test_sound_every_task_has_a_handler_a_time_limit_a_retry_and_a_catch_for_everything(name):
    task = TASKS[name]

    assert task["Parameters"]["FunctionName"] in handlers.STEPS
    assert task["TimeoutSeconds"] == 10
    assert task["Retry"]
    assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"]


@pytest.mark.parametrize("name", ["ReturnStock", "ReleasePayment", "RefuseOrder"])
def test_sound_a_compensation_retries_everything_for_an_hour(name):
    [retrier] = TASKS[name]["Retry"]

    longest_s = sum(min(2**attempt, retrier["MaxDelaySeconds"]) for attempt in range(retrier["MaxAttempts"]))

    assert retrier["ErrorEquals"] == ["States.ALL"]
    assert 3600 <= longest_s <= 2 * 3600
