# %% [markdown]
# Lecture 2: Python for people in a hurry

Run the cells one after the other (Shift + Enter). If something is strange: *Kernel -> Restart*.

# %% imports
from collections import Counter, defaultdict, namedtuple
import math
import random

# %%
random.seed(2024)
DEBUG = False

# %% [markdown]
## 1 Numbers and text

# %% step:basics
x = 3
print(type(x))
print(x + 1, x - 1, x * 2, x ** 2)
x += 1
print(x)

# %%
t, f = True, False
print(type(t), t and f, t or f, not t, t != f)

# %%
hello = 'hello'
world = "world"
hw = hello + ' ' + world
hw12 = '%s %s %d' % (hello, world, 12)
print(hw12, len(hw))

# %%
s = "hello"
print(s.capitalize(), s.upper(), s.rjust(7), s.replace('l', '(ell)'))
_ = s.center(9)

# %% [markdown]
## 2 Containers

### Lists

# %% step:containers
xs = [3, 1, 2]
print(xs, xs[2])
xs[2] = 'foo'
print(xs)
xs.append('bar')
last = xs.pop()
print(last, xs)

# %%
nums = list(range(5))
print(nums[2:4], nums[:2], nums[-1])
nums[2:4] = [8, 9]
nums

# %%
animals = ['cat', 'dog', 'monkey']
for idx, animal in enumerate(animals):
    print('#%d: %s' % (idx + 1, animal))

# %%
squares = [n ** 2 for n in nums if n % 2 == 0]
squares

# %% [markdown]
**A trap**: two names for one list.

# %%
pets = animals
pets.append('fish')
animals

# %%
copy_of_pets = pets[:]
copy_of_pets.remove('fish')
print(len(pets), len(copy_of_pets))

# %% [markdown]
### Dictionaries

# %%
d = {'cat': 'cute', 'dog': 'furry'}
d['fish'] = 'wet'
print(d.get('monkey', 'N/A'), 'cat' in d)
del d['fish']
d

# %%
legs = {'person': 2, 'cat': 4, 'spider': 8}
for animal, n in legs.items():
    print('A %s has %d legs' % (animal, n))
many_legs = {a: n for a, n in legs.items() if n > 2}

# %%
by_length = defaultdict(list)
for word in hw12.split() + animals:
    by_length[len(word)].append(word)
dict(by_length)

# %% [markdown]
### Tuples and sets

# %%
Point = namedtuple('Point', 'x y')
corner = Point(1, 2)
path = {Point(i, i + 1): i for i in range(4)}
path[corner]

# %%
seen = set(animals)
seen.add('cat')
seen |= {'newt'}
sorted(seen)

# %% [markdown]
## 3 Functions

# %% step:functions
def sign(x):
    if x > 0:
        return 'positive'
    elif x < 0:
        return 'negative'
    else:
        return 'zero'

for x in [-1, 0, 1]:
    print(sign(x))

# %%
def remember(item, memory=[]):
    """Default arguments are made once!"""
    memory.append(item)
    return memory

remember('a')
print(remember('b'))

# %%
counter = 0

def count():
    global counter
    counter += 1
    if DEBUG:
        print('called', counter)
    return counter

for _i in range(3):
    count()
counter

# %%
def make_adder(n):
    def add(m):
        return n + m
    return add

adders = [make_adder(i) for i in (1, 10)]
[add(5) for add in adders]

# %%
def fib():
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b

def take(n, iterable):
    return [value for _, value in zip(range(n), iterable)]

first_ten = take(10, fib())
print(first_ten)

# %% [markdown]
## 4 Classes

# %% step:classes
class Greeter(object):

    greeted = 0

    def __init__(self, name):
        self.name = name
        self.log = []

    def greet(self, loud=False):
        Greeter.greeted += 1
        self.log.append(self.name.upper() if loud else self.name)
        if loud:
            print('HELLO, %s!' % self.name.upper())
        else:
            print('Hello, %s' % self.name)

g = Greeter('Fred')
g.greet()

# %%
g.greet(loud=True)

# %%
class Polite(Greeter):
    def greet(self, loud=False):
        super().greet(False)
        print('How do you do?')

guests = [Greeter('Ann'), Polite('Bob'), g]
for guest in guests:
    guest.greet()
print(Greeter.greeted, g.log)

# %% [markdown]
## 5 Putting it together

# %% step:together
text = """the quick brown fox jumps over the lazy dog the end"""
counts = Counter(text.split())
counts.update(animals)
counts.most_common(3)

# %%
def shuffled(items):
    items = list(items)
    random.shuffle(items)
    return items

print(shuffled(sorted(seen)))

# %%
report = {
    'numbers': nums,
    'area': round(math.pi * corner.x ** 2, 3),
    'legs': sum(many_legs.values()),
    'calls': count(),
    'greeted': Greeter.greeted,
    'guests': [guest.name for guest in guests],
    'memory': remember('c'),
}
for key in sorted(report):
    print(f'{key:>8}: {report[key]}')

# %%
assert report['calls'] == 4
print('fibonacci:', first_ten[-1], '| squares:', squares)
