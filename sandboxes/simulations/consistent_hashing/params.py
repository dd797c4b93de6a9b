"""The knobs of consistent hashing: the algorithm and its nodes, the keys, the change, the caches and their database."""

from __future__ import annotations

from sandboxes.simulations.spec import Choice, Numbers, Params, knob, numbers


class Algorithm(Choice):
    MODULO = "modulo", "Modulo: hash mod n"
    RING = "ring", "Ring"
    BOUNDED_RING = "bounded_ring", "Ring with bounded loads"
    JUMP = "jump", "Jump"
    RENDEZVOUS = "rendezvous", "Rendezvous"
    MAGLEV = "maglev", "Maglev"


class HashFunction(Choice):
    XXHASH64 = "xxhash64", "xxHash64, a ring of 64 bits"
    KETAMA = "ketama", "MD5 as in libketama, a ring of 32 bits"


class Change(Choice):
    NONE = "none", "Nothing"
    ADD = "add", "A node is added"
    REMOVE = "remove", "A node is removed"
    FAIL = "fail", "A node fails"


# The groups, in the order of the form.
PLACEMENT, CHANGE, KEYS, CACHES = "Placement", "Change", "Keys", "Caches and database"

ON_A_RING = {"algorithm": (Algorithm.RING, Algorithm.BOUNDED_RING)}


class ConsistentHashingParams(Params):
    algorithm: Algorithm = knob(
        Algorithm.RING,
        label="Algorithm",
        group=PLACEMENT,
        help="How a key finds its node: the rule that every client works out for itself.",
    )
    nodes: int = knob(
        10,
        label="Nodes",
        group=PLACEMENT,
        low=2,
        high=1000,
        step=1,
        help="How many nodes there are before the change.",
    )
    virtual_nodes: int = knob(
        100,
        label="Points per node",
        group=PLACEMENT,
        low=1,
        high=1000,
        step=1,
        shown_when=ON_A_RING,
        help="How many points on the ring (virtual nodes) a node of weight 1 has. libketama has 160, in fours.",
    )
    balance_factor: float = knob(
        1.25,
        label="Balance factor",
        group=PLACEMENT,
        unit="×",
        low=1,
        high=3,
        step=0.05,
        shown_when={"algorithm": (Algorithm.BOUNDED_RING,)},
        help="No node takes more than this many times its fair share of the keys; the next on the ring takes the rest.",
    )
    table_size: int = knob(
        65_537,
        label="Table size",
        group=PLACEMENT,
        low=11,
        high=1_000_003,
        step=1,
        shown_when={"algorithm": (Algorithm.MAGLEV,)},
        help="Entries of Maglev's table; the next prime is taken. 100 times the nodes keep shares within 1 %.",
    )
    hash_function: HashFunction = knob(
        HashFunction.XXHASH64,
        label="Hash",
        group=PLACEMENT,
        shown_when=ON_A_RING,
        help="What puts keys and points on the ring. The other algorithms use xxHash64.",
    )
    weights: Numbers = numbers(
        "1",
        label="Weights",
        group=PLACEMENT,
        fewest=1,
        most=20,
        low=0.1,
        high=10,
        help="How much each node should hold; a short list is repeated over them. Modulo and jump cannot weigh nodes.",
    )
    replicas: int = knob(
        1,
        label="Copies of a key",
        group=PLACEMENT,
        low=1,
        high=3,
        step=1,
        help="On how many nodes a key is kept: its own and those after it. Its own one serves; copies stay in step.",
    )
    change: Change = knob(
        Change.ADD,
        label="What changes",
        group=CHANGE,
        help="Removed: all clients know, and its keys get new nodes. Failed: nobody takes its keys but their copies.",
    )
    leaving_node: int = knob(
        3,
        label="Which node leaves",
        group=CHANGE,
        low=1,
        high=1000,
        step=1,
        shown_when={"change": (Change.REMOVE, Change.FAIL)},
        help="Counted from 1; beyond the last means the last. Modulo and jump number those after it anew.",
    )
    keys: int = knob(
        100_000,
        label="Keys",
        group=KEYS,
        low=100,
        high=10_000_000,
        step=100,
        help="How many different keys there are.",
    )
    zipf_alpha: float = knob(
        0.9,
        label="Skew of popularity",
        group=KEYS,
        low=0,
        high=2,
        step=0.1,
        help="Zipf's exponent: the key of rank r is asked for in proportion to 1 / r to this power. 0 is uniform.",
    )
    request_rate_per_s: float = knob(
        1500,
        label="Requests",
        group=CACHES,
        unit="req/s",
        low=1,
        high=20_000,
        step=1,
        help="Reads per second on average. They come at random moments.",
    )
    before_s: float = knob(
        10,
        label="Before the change",
        group=CACHES,
        unit="s",
        low=1,
        high=300,
        step=1,
        help="How long the run goes on before the change. The caches are warm from the start.",
    )
    after_s: float = knob(
        40,
        label="After the change",
        group=CACHES,
        unit="s",
        low=1,
        high=300,
        step=1,
        help="How long the run goes on after the change.",
    )
    cache_capacity_keys: int = knob(
        8000,
        label="Cache of a node",
        group=CACHES,
        unit="keys",
        low=1,
        high=1_000_000,
        step=100,
        help="How many keys a node of weight 1 holds; the one unused for longest makes room (LRU).",
    )
    database_capacity_per_s: float = knob(
        300,
        label="Database capacity",
        group=CACHES,
        unit="reads/s",
        low=1,
        high=20_000,
        step=1,
        help="Reads per second that the database behind the caches can do. Every miss is one.",
    )
    database_latency_ms: float = knob(
        5,
        label="Database latency",
        group=CACHES,
        unit="ms",
        low=0,
        high=1000,
        step=1,
        help="How long a read takes when the database is idle.",
    )
    longest_wait_s: float = knob(
        1,
        label="Longest wait",
        group=CACHES,
        unit="s",
        low=0,
        high=30,
        step=0.1,
        help="A read that would wait longer for the database fails at once, and fills no cache.",
    )
