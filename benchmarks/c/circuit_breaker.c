/* The loop of sandboxes/simulations/circuit_breaker in C: loop.py, dependency.py, store.py, draws.py, the breaker and the
   agenda, name by name, on the very arrays that the compiled kernel works on. It is what the kernel is measured against,
   and nothing else uses it. */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { CLOSED, OPEN, HALF_OPEN };
enum { NONE, COUNT_WINDOW, TIME_WINDOW, CONSECUTIVE };
enum { SUCCESS, FAILURE };
enum { SUCCEEDED, SLOW, FAILED, REFUSED, NO_THREAD };
enum { ENDED, SERVED, TIMED_OUT, RETRY, LEFT_LINE, GOT_THREAD, STORE, REVIVED };
enum { NOTHING, GO, REFUSE, BEGIN, ASK, ANSWERED, OVER };
enum { ASK_READ, ASK_WRITE, RESULT_READ, RESULT_WRITE };
enum { ATTEMPTS = 16, MOST_PHASES = 5, LARGEST_WINDOW = 1000, MOST_ADDED = 4, TRIES = 10 };
static const double LONGEST_BACKOFF_S = 20.0;

typedef struct {
    int64_t kind;
    double failure_rate_threshold, slow_call_rate_threshold, slow_call_duration_threshold_s;
    int64_t window, minimum_number_of_calls, consecutive_failures;
    double wait_duration_in_open_state_s;
    int64_t permitted_calls_in_half_open;
    double max_wait_in_half_open_s;
    int64_t automatic_transition;
} Rules;

typedef struct {
    int64_t calls, failed, slow;
} Slot;

typedef struct {
    int64_t state;
    double since_s;
    int64_t permits, refused, streak, by_seconds, slots, minimum, calls, failed, slow, head, second;
    Slot ring[LARGEST_WINDOW];
} Breaker;

typedef struct {
    double arrival_s, service_s, chance, began_s, lasted_s, wasted_s, latency_s;
    int32_t instance, behind;
    int8_t attempts, outcome, is_calling, is_bad;
} Request;

typedef struct {
    int64_t busy, waiting, first, last;
} Pool;

typedef struct {
    int64_t step, job, outcome;
    double lasted_s;
    int64_t tries, version, holds, is_granted, is_lost, after;
} Operation;

typedef struct {
    double at_s;
    int64_t breaker, state;
} Change;

typedef struct {
    double at_s;
    int64_t item;
} Due;

typedef struct {
    double end_s;
    double call_timeout_s;
    int64_t requests;
    int64_t pool_limited;
    int64_t pool_size;
    double pool_wait_s;
    int64_t max_attempts;
    double retry_base_s;
    double retry_backoff_rate;
    int64_t full_jitter;
    int64_t capacity_limited;
    int64_t servers;
    int64_t queue_size;
    int64_t exponential;
    double median_s;
    double sigma;
    int64_t shared;
    int64_t conditional;
    double store_latency_s;
    double store_timeout_s;
    double store_error_rate;
    double store_down_from_s;
    double store_down_until_s;
    int64_t refuse_when_gone;
    int64_t service_key;
    int64_t error_key;
    int64_t jitter_key;
    int64_t store_key;
    int64_t phases;
    double phase_end_s[MOST_PHASES];
    double factor[MOST_PHASES];
    double error_rate[MOST_PHASES];
    double now_s;
    int64_t phase;
    int64_t next_request;
    int64_t next_neighbour;
    double due_s;
    int64_t due;
    int64_t changes;
    int64_t busy_servers;
    int64_t queue_first;
    int64_t queued;
    int64_t version;
    int64_t holds;
    int64_t lost_updates;
    int64_t free_operation;
    int64_t free_operations;
    int64_t asked_store;
    int64_t passed;
    int64_t refused;
    int64_t ended;
    int64_t failed;
    int64_t no_thread;
    int64_t in_vain;
} World;

/* Everything that `advance` works on. */
typedef struct {
    const Rules *rules;
    World *world;
    Request *requests;
    Breaker *breakers;
    Pool *pools;
    int64_t *queue;
    Due *agenda; /* place 0 holds the number of items */
    int64_t agenda_size;
    Change *changes;
    int64_t changes_size;
    Operation *operations;
    Breaker *copies;
} Run;

/* The agenda: a binary heap, the soonest first; of two at the same moment the lower number is first. */

static bool before(Due one, Due other) {
    return one.at_s < other.at_s || (one.at_s == other.at_s && one.item < other.item);
}

static double next_at_s(const Due *agenda) { return agenda[0].item ? agenda[1].at_s : INFINITY; }

static void push(Due *agenda, double at_s, int64_t item) {
    Due new = {at_s, item};
    int64_t place = ++agenda[0].item;
    while (place > 1) {
        int64_t above = place / 2;
        if (before(agenda[above], new)) break;
        agenda[place] = agenda[above];
        place = above;
    }
    agenda[place] = new;
}

static int64_t pop(Due *agenda) {
    int64_t soonest = agenda[1].item, size = agenda[0].item - 1, place = 1;
    Due last = agenda[size + 1];
    agenda[0].item = size;
    while (2 * place <= size) {
        int64_t below = 2 * place;
        if (below < size && before(agenda[below + 1], agenda[below])) below++;
        if (before(last, agenda[below])) break;
        agenda[place] = agenda[below];
        place = below;
    }
    agenda[place] = last;
    return soonest;
}

/* The breaker. */

static int64_t smaller(int64_t one, int64_t other) { return one < other ? one : other; }

static void forget(Breaker *breaker, int64_t size, int64_t minimum, bool by_seconds, double now_s) {
    breaker->slots = size;
    breaker->minimum = minimum;
    breaker->by_seconds = by_seconds;
    breaker->head = 0;
    breaker->second = (int64_t)floor(now_s);
    breaker->refused = 0;
    breaker->streak = 0;
    breaker->calls = breaker->failed = breaker->slow = 0;
    memset(breaker->ring, 0, size * sizeof(Slot));
}

static void to_open(Breaker *breaker, double now_s) {
    breaker->state = OPEN;
    breaker->since_s = now_s;
}

static void to_half_open(const Rules *rules, Breaker *breaker, double now_s) {
    int64_t trials = rules->permitted_calls_in_half_open;
    breaker->state = HALF_OPEN;
    breaker->since_s = now_s;
    breaker->permits = trials;
    forget(breaker, trials, smaller(rules->minimum_number_of_calls, trials), false, now_s);
}

static void to_closed(const Rules *rules, Breaker *breaker, double now_s) {
    int64_t minimum = rules->minimum_number_of_calls;
    bool by_seconds = rules->kind == TIME_WINDOW;
    breaker->state = CLOSED;
    breaker->since_s = now_s;
    forget(breaker, rules->window, by_seconds ? minimum : smaller(minimum, rules->window), by_seconds, now_s);
}

static bool wait_is_over(const Rules *rules, const Breaker *breaker, double now_s) {
    double until_s = breaker->since_s + rules->wait_duration_in_open_state_s;
    return now_s > until_s || (rules->kind == CONSECUTIVE && now_s == until_s);
}

static bool permit(const Rules *rules, Breaker *breaker, double now_s) {
    if (breaker->state == CLOSED) return true;
    if (breaker->state == OPEN && wait_is_over(rules, breaker, now_s)) to_half_open(rules, breaker, now_s);
    if (breaker->state == HALF_OPEN && breaker->permits > 0) {
        breaker->permits--;
        return true;
    }
    breaker->refused++;
    return false;
}

static void step(Breaker *breaker) {
    breaker->head = breaker->head + 1 == breaker->slots ? 0 : breaker->head + 1;
    Slot *oldest = &breaker->ring[breaker->head];
    breaker->calls -= oldest->calls;
    breaker->failed -= oldest->failed;
    breaker->slow -= oldest->slow;
    *oldest = (Slot){0};
}

static void move_to(Breaker *breaker, double now_s) {
    int64_t second = (int64_t)floor(now_s);
    for (int64_t steps = smaller(second - breaker->second, breaker->slots); steps > 0; steps--) step(breaker);
    breaker->second = second;
}

static void measure(Breaker *breaker, double now_s, bool failed, bool slow) {
    if (breaker->by_seconds) move_to(breaker, now_s);
    else step(breaker);
    Slot *newest = &breaker->ring[breaker->head];
    newest->calls++, breaker->calls++;
    newest->failed += failed, breaker->failed += failed;
    newest->slow += slow, breaker->slow += slow;
}

static void record_in_window(const Rules *rules, Breaker *breaker, double now_s, int outcome, double duration_s) {
    measure(breaker, now_s, outcome == FAILURE, duration_s > rules->slow_call_duration_threshold_s);
    int64_t calls = breaker->calls;
    if (breaker->state == OPEN || calls < breaker->minimum) return;
    bool too_many_failed = breaker->failed * 100.0 / calls >= rules->failure_rate_threshold;
    bool too_many_slow = breaker->slow * 100.0 / calls >= rules->slow_call_rate_threshold;
    if (too_many_failed || too_many_slow) to_open(breaker, now_s);
    else if (breaker->state == HALF_OPEN) to_closed(rules, breaker, now_s);
}

static void record_in_a_row(const Rules *rules, Breaker *breaker, double now_s, int outcome) {
    if (breaker->state == OPEN) return;
    if (outcome != FAILURE) {
        breaker->streak = 0;
        if (breaker->state == HALF_OPEN) to_closed(rules, breaker, now_s);
        return;
    }
    breaker->streak++;
    if (breaker->state == HALF_OPEN || breaker->streak >= rules->consecutive_failures) to_open(breaker, now_s);
}

static void record(const Rules *rules, Breaker *breaker, double now_s, int outcome, double duration_s) {
    if (rules->kind == CONSECUTIVE) record_in_a_row(rules, breaker, now_s, outcome);
    else if (rules->kind != NONE) record_in_window(rules, breaker, now_s, outcome, duration_s);
}

static double timer_due_s(const Rules *rules, const Breaker *breaker) {
    if (breaker->state == OPEN && rules->automatic_transition)
        return breaker->since_s + rules->wait_duration_in_open_state_s;
    if (breaker->state == HALF_OPEN && rules->max_wait_in_half_open_s > 0)
        return breaker->since_s + rules->max_wait_in_half_open_s;
    return INFINITY;
}

static void fire_timer(const Rules *rules, Breaker *breaker, double now_s) {
    if (breaker->state == OPEN) to_half_open(rules, breaker, now_s);
    else if (breaker->state == HALF_OPEN) to_open(breaker, now_s);
}

/* Chance. */

static int64_t mixed(int64_t word) {
    uint32_t w = (uint32_t)word;
    w ^= w >> 16;
    w *= 0x7FEB352Du;
    w ^= w >> 15;
    w *= 0x846CA68Bu;
    return w ^ (w >> 16);
}

static double uniform(int64_t key, int64_t request, int64_t attempt) {
    int64_t word = mixed((mixed((mixed(key) + request) & 0xFFFFFFFF) + attempt) & 0xFFFFFFFF);
    return (word + 0.5) / 4294967296.0;
}

static double normal(int64_t key, int64_t request, int64_t attempt) {
    double radius = sqrt(-2.0 * log(uniform(key, request, attempt + 1000)));
    return radius * cos(2.0 * M_PI * uniform(key, request, attempt + 2000));
}

/* The dependency. */

static int64_t job_of(int64_t request, int64_t attempt) { return request * ATTEMPTS + attempt; }
static int64_t item_of(int64_t request, int64_t attempt, int what) { return job_of(request, attempt) * 8 + what; }

static void plan(World *world, double at_s, int64_t item) {
    world->due_s = at_s;
    world->due = item;
}

static void note(World *world, const Breaker *breaker, int64_t number, Change *changes) {
    if (world->now_s > world->end_s) return;
    changes[world->changes++] = (Change){world->now_s, number, breaker->state};
}

static void move_to_phase(World *world) {
    while (world->phase + 1 < world->phases && world->now_s >= world->phase_end_s[world->phase]) world->phase++;
}

static bool is_dead(const World *world) { return isinf(world->factor[world->phase]); }

static double service_time_s(const World *world, int64_t number, int64_t attempt) {
    if (world->exponential) return world->median_s / log(2.0) * -log(uniform(world->service_key, number, attempt));
    return world->median_s * exp(world->sigma * normal(world->service_key, number, attempt));
}

static double chance(const World *world, const Request *request, int64_t number, int64_t attempt) {
    return attempt == 1 ? request->chance : uniform(world->error_key, number, attempt);
}

static void leave(World *world, Request *request) {
    request->began_s = world->now_s;
    request->attempts++;
    request->is_calling = 1;
    world->passed++;
    move_to_phase(world);
}

static void call(World *world, Request *request, int64_t number) {
    leave(world, request);
    int64_t attempt = request->attempts;
    double service_s = attempt == 1 ? request->service_s : service_time_s(world, number, attempt);
    service_s *= world->factor[world->phase];
    if (service_s > world->call_timeout_s) {
        request->lasted_s = world->call_timeout_s;
        request->is_bad = 1;
    } else {
        request->lasted_s = service_s;
        request->is_bad = chance(world, request, number, attempt) < world->error_rate[world->phase];
    }
    plan(world, world->now_s + request->lasted_s, item_of(number, attempt, ENDED));
}

static void take_up(Run *run, int64_t job) {
    World *world = run->world;
    int64_t number = job / ATTEMPTS, attempt = job % ATTEMPTS;
    Request *request = &run->requests[number];
    double service_s = attempt == 1 ? request->service_s : service_time_s(world, number, attempt);
    if (request->attempts == attempt)
        request->is_bad = chance(world, request, number, attempt) < world->error_rate[world->phase];
    world->busy_servers++;
    push(run->agenda, world->now_s + service_s * world->factor[world->phase], job * 8 + SERVED);
}

static void call_limited(Run *run, int64_t number) {
    World *world = run->world;
    Request *request = &run->requests[number];
    leave(world, request);
    int64_t job = job_of(number, request->attempts);
    request->is_bad = 1;
    if (world->busy_servers < world->servers && !is_dead(world)) {
        take_up(run, job);
    } else if (world->queued < world->queue_size) {
        int64_t place = world->queue_first + world->queued;
        run->queue[place >= world->queue_size ? place - world->queue_size : place] = job;
        world->queued++;
    } else if (!is_dead(world)) {
        request->lasted_s = 0.0;
        push(run->agenda, world->now_s, item_of(number, request->attempts, ENDED));
        return;
    }
    push(run->agenda, world->now_s + world->call_timeout_s, item_of(number, request->attempts, TIMED_OUT));
}

static void serve_next(Run *run) {
    World *world = run->world;
    move_to_phase(world);
    if (is_dead(world)) return;
    while (world->queued > 0 && world->busy_servers < world->servers) {
        int64_t job = run->queue[world->queue_first];
        if (++world->queue_first == world->queue_size) world->queue_first = 0;
        world->queued--;
        take_up(run, job);
    }
}

/* The store. */

static void replace(Breaker *breaker, const Breaker *other) {
    memcpy(breaker, other, offsetof(Breaker, ring) + other->slots * sizeof(Slot));
}

static void start_operation(Run *run, int64_t number, int64_t step) {
    World *world = run->world;
    Operation *operation = &run->operations[number];
    world->asked_store++;
    operation->step = step;
    operation->is_lost =
        (world->store_down_from_s <= world->now_s && world->now_s < world->store_down_until_s) ||
        (world->store_error_rate > 0.0 &&
         uniform(world->store_key, operation->job, 4 * operation->tries + step) < world->store_error_rate);
    double takes_s = operation->is_lost ? world->store_timeout_s : world->store_latency_s;
    push(run->agenda, world->now_s + takes_s, number * 8 + STORE);
}

static void begin_operation(Run *run, int64_t step, int64_t job, int64_t outcome, double lasted_s) {
    World *world = run->world;
    int64_t number = world->free_operation;
    Operation *operation = &run->operations[number];
    world->free_operation = operation->after;
    world->free_operations--;
    operation->job = job;
    operation->outcome = outcome;
    operation->lasted_s = lasted_s;
    operation->tries = 0;
    start_operation(run, number, step);
}

static void free_operation(Run *run, int64_t number) {
    run->operations[number].after = run->world->free_operation;
    run->world->free_operation = number;
    run->world->free_operations++;
}

static void take(Run *run, int64_t number) {
    World *world = run->world;
    Breaker *copy = &run->copies[number];
    replace(copy, &run->breakers[0]);
    run->operations[number].version = world->version;
    run->operations[number].holds = world->holds;
    while (timer_due_s(run->rules, copy) <= world->now_s) fire_timer(run->rules, copy, timer_due_s(run->rules, copy));
}

static bool surely_refuses(const Rules *rules, const Breaker *breaker, double now_s) {
    if (timer_due_s(rules, breaker) <= now_s) return false;
    if (breaker->state == OPEN) {
        double until_s = breaker->since_s + rules->wait_duration_in_open_state_s;
        return now_s < until_s || (now_s == until_s && rules->kind != CONSECUTIVE);
    }
    return breaker->state == HALF_OPEN && breaker->permits == 0;
}

static int decide(Run *run, int64_t number) {
    World *world = run->world;
    const Breaker *kept = &run->breakers[0];
    Breaker *copy = &run->copies[number];
    if (kept->state == CLOSED || surely_refuses(run->rules, kept, world->now_s)) {
        free_operation(run, number);
        return kept->state == CLOSED ? GO : REFUSE;
    }
    take(run, number);
    run->operations[number].is_granted = permit(run->rules, copy, world->now_s);
    if (!run->operations[number].is_granted && copy->state == kept->state) {
        free_operation(run, number);
        return REFUSE;
    }
    start_operation(run, number, ASK_WRITE);
    return NOTHING;
}

static bool write_back(Run *run, int64_t number) {
    World *world = run->world;
    Operation *operation = &run->operations[number];
    Breaker *kept = &run->breakers[0];
    if (world->conditional && world->version != operation->version) return false;
    world->lost_updates += world->holds - operation->holds;
    world->holds = operation->holds + 1;
    world->version++;
    int64_t state = kept->state;
    replace(kept, &run->copies[number]);
    if (kept->state != state) note(world, kept, 0, run->changes);
    return true;
}

static int proceed(Run *run, int64_t number) {
    World *world = run->world;
    Operation *operation = &run->operations[number];
    bool asked = operation->step == ASK_READ || operation->step == ASK_WRITE, granted;
    if (operation->is_lost) {
        free_operation(run, number);
        return asked ? (world->refuse_when_gone ? REFUSE : GO) : NOTHING;
    }
    if (operation->step == ASK_READ) return decide(run, number);
    if (operation->step == RESULT_READ) {
        take(run, number);
        record(run->rules, &run->copies[number], world->now_s, operation->outcome, operation->lasted_s);
        start_operation(run, number, RESULT_WRITE);
        return NOTHING;
    }
    if (!write_back(run, number)) {
        if (++operation->tries < TRIES) {
            start_operation(run, number, asked ? ASK_READ : RESULT_READ);
            return NOTHING;
        }
        free_operation(run, number);
        if (asked) return REFUSE;
        world->lost_updates++;
        return NOTHING;
    }
    granted = operation->is_granted;
    free_operation(run, number);
    return asked ? (granted ? GO : REFUSE) : NOTHING;
}

/* The loop. */

static void end(World *world, Request *request, int outcome, double latency_s) {
    request->outcome = outcome;
    request->latency_s = latency_s;
    if (outcome == NO_THREAD) world->no_thread++;
}

static void leave_line(Run *run, Pool *pool) {
    pool->waiting--;
    pool->first = run->requests[pool->first].behind;
}

static int take_thread(Run *run, int64_t number) {
    World *world = run->world;
    Pool *pool = &run->pools[run->requests[number].instance];
    if (pool->busy < world->pool_size) {
        pool->busy++;
        return BEGIN;
    }
    if (world->pool_wait_s == 0.0) {
        end(world, &run->requests[number], NO_THREAD, 0.0);
        return NOTHING;
    }
    if (pool->waiting == 0) pool->first = number;
    else run->requests[pool->last].behind = number;
    pool->last = number;
    pool->waiting++;
    push(run->agenda, world->now_s + world->pool_wait_s, item_of(number, 0, LEFT_LINE));
    return NOTHING;
}

static void give_up(Run *run, Pool *pool) {
    World *world = run->world;
    while (pool->waiting > 0 && run->requests[pool->first].arrival_s + world->pool_wait_s <= world->now_s) {
        Request *request = &run->requests[pool->first];
        leave_line(run, pool);
        end(world, request, NO_THREAD, world->now_s - request->arrival_s);
    }
}

static int turn(Run *run, int what, int64_t job) {
    World *world = run->world;
    Request *request = &run->requests[job / ATTEMPTS];
    if (what == RETRY) return ASK;
    if (what == GOT_THREAD) return BEGIN;
    if (what == LEFT_LINE) {
        give_up(run, &run->pools[request->instance]);
        return NOTHING;
    }
    if (what == REVIVED) {
        serve_next(run);
        return NOTHING;
    }
    bool waits = request->is_calling && request->attempts == job % ATTEMPTS;
    if (what == SERVED) {
        world->busy_servers--;
        serve_next(run);
        if (!waits) {
            world->in_vain++;
            return NOTHING;
        }
        request->lasted_s = world->now_s - request->began_s;
        return ANSWERED;
    }
    if (!waits) return NOTHING;
    request->lasted_s = world->call_timeout_s;
    request->is_bad = 1;
    return ANSWERED;
}

static int begin(World *world, Request *request, int64_t number) {
    if (number < world->requests) return ASK;
    request->began_s = world->now_s;
    request->attempts = 1;
    request->is_bad = request->service_s > world->call_timeout_s;
    request->lasted_s = request->is_bad ? world->call_timeout_s : request->service_s;
    plan(world, world->now_s + request->lasted_s, item_of(number, 1, ENDED));
    return NOTHING;
}

static double backoff_s(const World *world, int64_t number, int64_t attempt) {
    double longest_s = world->retry_base_s * pow(world->retry_backoff_rate, (double)(attempt - 1));
    if (longest_s > LONGEST_BACKOFF_S) longest_s = LONGEST_BACKOFF_S;
    return world->full_jitter ? longest_s * uniform(world->jitter_key, number, attempt) : longest_s;
}

static int end_call(World *world, Request *request, int64_t number) {
    request->is_calling = 0;
    if (number < world->requests) {
        world->ended++;
        if (request->is_bad) {
            world->failed++;
            request->wasted_s += request->lasted_s;
            if (request->attempts < world->max_attempts) {
                plan(world, world->now_s + backoff_s(world, number, request->attempts), item_of(number, 0, RETRY));
                return NOTHING;
            }
        }
    }
    double latency_s = request->began_s - request->arrival_s + request->lasted_s;
    end(world, request, request->is_bad ? FAILED : SUCCEEDED, latency_s);
    return OVER;
}

static void changed(Run *run, const Breaker *breaker, int64_t number) {
    note(run->world, breaker, number, run->changes);
    double due_s = timer_due_s(run->rules, breaker);
    if (due_s <= run->world->end_s) push(run->agenda, due_s, -1 - number);
}

static void time_is_up(Run *run, int64_t number) {
    Breaker *breaker = &run->breakers[number];
    if (timer_due_s(run->rules, breaker) != run->world->now_s) return;
    fire_timer(run->rules, breaker, run->world->now_s);
    changed(run, breaker, number);
}

static void give_thread_back(Run *run, Pool *pool) {
    if (pool->waiting == 0) {
        pool->busy--;
    } else {
        push(run->agenda, run->world->now_s, item_of(pool->first, 0, GOT_THREAD));
        leave_line(run, pool);
    }
}

/* Everything up to and including until_s; false if it stopped before, for want of room in an array. */
bool advance(Run *run, double until_s) {
    World *world = run->world;
    const Rules *rules = run->rules;
    for (;;) {
        double event_s = next_at_s(run->agenda), ours_s = run->requests[world->next_request].arrival_s;
        double theirs_s = run->requests[world->next_neighbour].arrival_s;
        double arrival_s = ours_s < theirs_s ? ours_s : theirs_s, soonest_s = event_s < arrival_s ? event_s : arrival_s;
        if (soonest_s > until_s || soonest_s == INFINITY) return true;
        if (run->agenda[0].item + MOST_ADDED >= run->agenda_size || world->changes + MOST_ADDED > run->changes_size ||
            (world->shared && world->free_operations < MOST_ADDED))
            return false;
        int64_t number;
        int step = ANSWERED;
        if (event_s > arrival_s) {
            world->now_s = arrival_s;
            number = ours_s == arrival_s ? world->next_request++ : world->next_neighbour++;
            step = world->pool_limited ? take_thread(run, number) : BEGIN;
        } else {
            int64_t item = pop(run->agenda), job = item / 8;
            int what = item % 8;
            world->now_s = event_s;
            number = item < 0 ? 0 : job / ATTEMPTS;
            if (item < 0) {
                step = NOTHING;
                time_is_up(run, -1 - item);
            } else if (what == STORE) {
                number = run->operations[job].job / ATTEMPTS;
                step = proceed(run, job);
            } else if (what != ENDED) {
                step = turn(run, what, job);
            }
        }
        Request *request = &run->requests[number];
        if (step == BEGIN) step = begin(world, request, number);
        if (world->shared && (step == ASK || (step == ANSWERED && number < world->requests))) {
            int64_t job = job_of(number, request->attempts);
            if (step == ASK) begin_operation(run, ASK_READ, job, SUCCESS, 0.0);
            else begin_operation(run, RESULT_READ, job, request->is_bad, request->lasted_s);
            if (step == ASK) step = NOTHING;
        }
        Breaker *breaker = &run->breakers[world->shared ? 0 : request->instance];
        int64_t state = breaker->state;
        if (step == ASK) step = permit(rules, breaker, world->now_s) ? GO : REFUSE;
        if (step == GO && world->capacity_limited) {
            call_limited(run, number);
        } else if (step == GO) {
            call(world, request, number);
        } else if (step == REFUSE) {
            world->refused++;
            end(world, request, REFUSED, world->now_s - request->arrival_s);
            step = OVER;
        } else if (step == ANSWERED) {
            if (number < world->requests && !world->shared)
                record(rules, breaker, world->now_s, request->is_bad, request->lasted_s);
            step = end_call(world, request, number);
        }
        if (breaker->state != state) changed(run, breaker, request->instance);
        if (world->due >= 0) {
            push(run->agenda, world->due_s, world->due);
            world->due = -1;
        }
        if (step == OVER && world->pool_limited) give_thread_back(run, &run->pools[request->instance]);
    }
}
