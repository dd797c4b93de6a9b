/* The loop of sandboxes/simulations/circuit_breaker in C: play and settle (model.py), the breaker (breaker.py) and the
   agenda (agenda.py), name by name. It is what the compiled kernel is measured against, and nothing else uses it. */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CLOSED, OPEN, HALF_OPEN };
enum { NONE, COUNT_WINDOW, TIME_WINDOW, CONSECUTIVE };
enum { SUCCESS, FAILURE };

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
    int64_t state, permits, refused, streak, size, minimum, by_seconds, head, second;
    double since_s;
    Slot sum, *ring;
    int64_t slots;
} Breaker;

typedef struct {
    double at_s;
    int64_t item;
} Due;

typedef struct {
    Due *due;
    int64_t size;
} Agenda;

typedef struct {
    double *at_s;
    int64_t *state;
    int64_t size, room;
} Changes;

/* The agenda: a binary heap, the soonest first; of two at the same moment the lower number is first. */

static bool before(Due one, Due other) {
    return one.at_s < other.at_s || (one.at_s == other.at_s && one.item < other.item);
}

static double next_at_s(const Agenda *agenda) { return agenda->size ? agenda->due[0].at_s : INFINITY; }

static void push(Agenda *agenda, double at_s, int64_t item) {
    Due new = {at_s, item}, *due = agenda->due;
    int64_t place = agenda->size++;
    while (place > 0) {
        int64_t above = (place - 1) / 2;
        if (before(due[above], new)) break;
        due[place] = due[above];
        place = above;
    }
    due[place] = new;
}

static int64_t pop(Agenda *agenda) {
    Due *due = agenda->due;
    int64_t soonest = due[0].item, size = --agenda->size, place = 0;
    Due last = due[size];
    while (2 * place + 1 < size) {
        int64_t below = 2 * place + 1;
        if (below + 1 < size && before(due[below + 1], due[below])) below++;
        if (before(last, due[below])) break;
        due[place] = due[below];
        place = below;
    }
    due[place] = last;
    return soonest;
}

/* The breaker. */

static int64_t smaller(int64_t one, int64_t other) { return one < other ? one : other; }

static void forget(Breaker *breaker, int64_t size, int64_t minimum, bool by_seconds, double now_s) {
    breaker->size = size;
    breaker->minimum = minimum;
    breaker->by_seconds = by_seconds;
    breaker->head = 0;
    breaker->second = (int64_t)floor(now_s);
    breaker->refused = 0;
    breaker->streak = 0;
    breaker->sum = (Slot){0};
    memset(breaker->ring, 0, breaker->slots * sizeof(Slot));
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
    breaker->head = breaker->head + 1 == breaker->size ? 0 : breaker->head + 1;
    Slot *oldest = &breaker->ring[breaker->head];
    breaker->sum.calls -= oldest->calls;
    breaker->sum.failed -= oldest->failed;
    breaker->sum.slow -= oldest->slow;
    *oldest = (Slot){0};
}

static void move_to(Breaker *breaker, double now_s) {
    int64_t second = (int64_t)floor(now_s);
    for (int64_t steps = smaller(second - breaker->second, breaker->size); steps > 0; steps--) step(breaker);
    breaker->second = second;
}

static void measure(Breaker *breaker, double now_s, bool failed, bool slow) {
    if (breaker->by_seconds) move_to(breaker, now_s);
    else step(breaker);
    Slot *newest = &breaker->ring[breaker->head];
    newest->calls++, breaker->sum.calls++;
    newest->failed += failed, breaker->sum.failed += failed;
    newest->slow += slow, breaker->sum.slow += slow;
}

static void record_in_window(const Rules *rules, Breaker *breaker, double now_s, int outcome, double duration_s) {
    measure(breaker, now_s, outcome == FAILURE, duration_s > rules->slow_call_duration_threshold_s);
    int64_t calls = breaker->sum.calls;
    if (breaker->state == OPEN || calls < breaker->minimum) return;
    bool too_many_failed = breaker->sum.failed * 100.0 / calls >= rules->failure_rate_threshold;
    bool too_many_slow = breaker->sum.slow * 100.0 / calls >= rules->slow_call_rate_threshold;
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

/* The loop. */

static void add(Changes *changes, double at_s, int64_t state) {
    if (changes->size == changes->room) {
        changes->room = changes->room ? 2 * changes->room : 16;
        changes->at_s = realloc(changes->at_s, changes->room * sizeof(double));
        changes->state = realloc(changes->state, changes->room * sizeof(int64_t));
        if (!changes->at_s || !changes->state) abort();
    }
    changes->at_s[changes->size] = at_s;
    changes->state[changes->size++] = state;
}

static void note(Changes *changes, const Breaker *breaker, double now_s) {
    if (breaker->state != changes->state[changes->size - 1]) add(changes, now_s, breaker->state);
}

static void settle(const Rules *rules, Breaker *breaker, Agenda *under_way, Changes *changes, const double *duration_s,
                   const uint8_t *failed, double now_s) {
    for (;;) {
        double timer_s = timer_due_s(rules, breaker), ended_s = next_at_s(under_way);
        if ((timer_s < ended_s ? timer_s : ended_s) > now_s) return;
        if (timer_s <= ended_s) {
            fire_timer(rules, breaker, timer_s);
            note(changes, breaker, timer_s);
        } else {
            int64_t call = pop(under_way);
            record(rules, breaker, ended_s, failed[call] ? FAILURE : SUCCESS, duration_s[call]);
            note(changes, breaker, ended_s);
        }
    }
}

/* Which calls are let through, into permitted (n), and the changes of state, which `forget_changes` gives back. */
void play(const Rules *rules, const double *arrival_s, const double *duration_s, const uint8_t *failed, int64_t n,
          double end_s, uint8_t *permitted, Changes *changes) {
    Breaker breaker = {0};
    breaker.slots = rules->window > rules->permitted_calls_in_half_open ? rules->window
                                                                          : rules->permitted_calls_in_half_open;
    breaker.ring = calloc(breaker.slots, sizeof(Slot));
    Agenda under_way = {malloc((n ? n : 1) * sizeof(Due)), 0};
    if (!breaker.ring || !under_way.due) abort();
    to_closed(rules, &breaker, 0.0);
    *changes = (Changes){0};
    add(changes, 0.0, CLOSED);
    for (int64_t call = 0; call < n; call++) {
        double now_s = arrival_s[call];
        settle(rules, &breaker, &under_way, changes, duration_s, failed, now_s);
        permitted[call] = permit(rules, &breaker, now_s);
        note(changes, &breaker, now_s);
        if (permitted[call]) push(&under_way, now_s + duration_s[call], call);
    }
    settle(rules, &breaker, &under_way, changes, duration_s, failed, end_s);
    free(breaker.ring);
    free(under_way.due);
}

void forget_changes(Changes *changes) {
    free(changes->at_s);
    free(changes->state);
    *changes = (Changes){0};
}
