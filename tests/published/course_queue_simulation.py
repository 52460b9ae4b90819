# %% [markdown]
# Lab 7: simulating a bank with two counters

We use *discrete event simulation*. No libraries, just Python (and a plot at the end).

# %% imports
import heapq
import itertools
import random
from dataclasses import dataclass, field
from statistics import mean, median

# %%
random.seed(7)

# %% [markdown]
## Classes

# %% functions
@dataclass
class Customer:
    number: int
    arrival: float
    service: float
    start: float = None
    tags: list = field(default_factory=list)

    @property
    def waited(self):
        return self.start - self.arrival

    @property
    def left(self):
        return self.start + self.service


class Counter:
    """One counter with its own clock"""

    def __init__(self, name):
        self.name = name
        self.free_at = 0.0
        self.served = []

    def serve(self, customer):
        customer.start = max(self.free_at, customer.arrival)
        self.free_at = customer.left
        self.served.append(customer)

    def __repr__(self):
        return f"<{self.name}: {len(self.served)} served>"


class Bank:
    def __init__(self, *counters):
        self.counters = list(counters)
        self.log = []

    def next_counter(self):
        return min(self.counters, key=lambda c: c.free_at)

    def run(self, customers):
        for customer in customers:
            counter = self.next_counter()
            counter.serve(customer)
            self.log.append((customer.number, counter.name))
        return self

# %% [markdown]
## Customers

# %% step:customers
ids = itertools.count(1)
clock = 0.0

def arrive(rate, service):
    """A new customer; moves the clock"""
    global clock
    clock += random.expovariate(rate)
    return Customer(next(ids), clock, random.expovariate(1 / service))

morning = [arrive(0.5, 3) for _ in range(40)]
print(round(clock, 2), morning[0].number, morning[-1].number)

# %%
afternoon = []
while clock < 180:
    afternoon.append(arrive(0.8, 3))
len(afternoon)

# %%
vip = random.sample(morning, 3)
for customer in vip:
    customer.tags.append('vip')
[c.number for c in morning if c.tags]

# %% [markdown]
## One day

# %% step:day
left, right = Counter('left'), Counter('right')
bank = Bank(left, right)
bank.run(morning)
bank.counters

# %%
bank.run(afternoon)
print(left, right, len(bank.log))

# %%
waits = [c.waited for c in morning + afternoon]
print(f"mean {mean(waits):.2f}, median {median(waits):.2f}, longest {max(waits):.2f}")

# %%
vip_waits = {c.number: round(c.waited, 2) for c in vip}
vip_waits

# %% [markdown]
## Event queue: who is in the bank at time t?

# %% step:events
events = []
for customer in itertools.chain(morning, afternoon):
    heapq.heappush(events, (customer.arrival, +1))
    heapq.heappush(events, (customer.left, -1))
len(events)

# %%
inside = 0
times, sizes = [], []
while events:
    t, change = heapq.heappop(events)
    inside += change
    times.append(t)
    sizes.append(inside)
max(sizes), inside, len(events)

# %%
busiest = times[sizes.index(max(sizes))]
print(f'busiest at {busiest:.1f}')

# %% [markdown]
## What if? A third counter

# %% step:whatif
def day(n_counters, seed):
    """One whole day with its own random numbers"""
    rng = random.Random(seed)
    now, customers = 0.0, []
    for number in range(100):
        now += rng.expovariate(0.7)
        customers.append(Customer(number, now, rng.expovariate(1 / 3)))
    made = Bank(*[Counter(str(i)) for i in range(n_counters)]).run(customers)
    return mean(c.waited for counter in made.counters for c in counter.served)

table = {}
for n in (2, 3, 4):
    table[n] = [day(n, seed) for seed in range(5)]
{n: round(mean(v), 2) for n, v in table.items()}

# %%
%timeit -n 1 -r 1 day(2, 0)

# %%
best = min(table, key=lambda n: mean(table[n]) + 0.2 * n)
table.setdefault('best', best)
best

# %% [markdown]
## Close the bank

# %% step:close
def close(bank):
    """Everybody goes home."""
    total = 0.0
    for counter in bank.counters:
        total += sum(c.service for c in counter.served)
        counter.served.clear()
    bank.log.append(('closed', None))
    return total

worked = close(bank)
print(round(worked, 1), left, right)

# %%
bank.log[-2:], len(left.served), table['best']

# %%
import matplotlib.pyplot as plt
plt.step(times, sizes, where='post')
plt.axvline(busiest, color='red')
plt.title(f'{len(waits)} customers, {worked:.0f} minutes of work');
