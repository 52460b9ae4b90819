"""Data edges and order edges of small notebooks, typed out."""

import pytest
from percent import edges_of, pipeline_of

CASES = [
    pytest.param(
        """
# %% step:a
list = [1]
max = 5
# %% step:b
print(list, max)
""",
        "a->b: list, max",
        id="shadow",
    ),
    pytest.param(
        """
# %% step:a
def add(xs, v): xs.append(v)
xs = []
# %% step:b
add(xs, 1)
# %% step:c
print(xs)
""",
        "a->b: add, xs; b->c: xs",
        id="mut-func",
    ),
    pytest.param(
        """
# %% step:a
def tot(xs): return sum(xs)
xs = [1]
# %% step:b
t = tot(xs)
# %% step:c
print(tot(xs))
""",
        "a->b: tot, xs; a->c: tot, xs",
        id="pure-func",
    ),
    pytest.param(
        """
# %% step:a
x = 1
# %% step:b
x = x + 1
# %% step:c
y = x
# %% step:d
print(x, y)
""",
        "a->b: x; b->c: x; b->d: x; c->d: y",
        id="diamond",
    ),
    pytest.param(
        """
# %% parameters
k = 1
# %% step:a
k = k + 1
# %% step:b
print(k)
""",
        "a->b: k",
        id="reassign-param",
    ),
    pytest.param(
        """
# %% functions
class P:
    def __init__(self, x): self.x = x
    def go(self): return self.x + off
# %% step:a
off = 3
p = P(1)
# %% step:b
print(p.go(), isinstance(p, P))
""",
        "a->b: off, p",
        id="class-setup",
    ),
    pytest.param(
        """
# %% step:a
x = 1
flag = True
# %% step:b
if flag:
    x = 2
# %% step:c
print(x)
""",
        "a->b: flag, x; b->c: x",
        id="cond-redef",
    ),
    pytest.param(
        """
# %% step:a
n = 0
def inc():
    global n
    n += 1
# %% step:b
inc()
# %% step:c
print(n)
""",
        "a->b: inc, n; b->c: n",
        id="global",
    ),
    pytest.param(
        """
# %% step:a
k = 2
f = lambda v: v * k
# %% step:b
k = 3
print(f(1))
# %% step:c
print(f(1))
""",
        "a->b: f; a->c: f; b->c: k",
        id="lambda",
    ),
    pytest.param(
        """
# %% step:a
i = 5
xs = [i for i in range(3)]
# %% step:b
print(i, xs)
""",
        "a->b: i, xs",
        id="comp",
    ),
    pytest.param(
        """
# %% step:a
from math import *
r = sqrt(4)
# %% step:b
print(sqrt(9), r)
""",
        "a->b: r, sqrt",
        id="star",
    ),
    pytest.param(
        """
# %% imports
import pandas as pd
# %% step:a
X = pd.DataFrame({'a':[1]})
# %% step:b
X = X.to_numpy()
# %% step:c
print(X)
""",
        "a->b: X; b->c: X",
        id="numpyarr",
    ),
    pytest.param(
        """
# %% step:a
rows = [[1],[2]]
# %% step:b
for r in rows:
    r.append(0)
# %% step:c
print(rows)
""",
        "a->b: rows; b->c: rows",
        id="loop-list-of-lists",
    ),
    pytest.param(
        """
# %% step:a
a=[[1]]; b=[[2]]
# %% step:b
for x, y in zip(a, b):
    x.append(1)
# %% step:c
print(a); print(b)
""",
        "a->b: a, b; a->c: b; b->c: a",
        id="zip",
    ),
    pytest.param(
        """
# %% functions
class Acc:
    def __init__(self): self.v = []
    def add(self, x): self.v.append(x)
    def total(self): return sum(self.v)
# %% step:a
acc = Acc()
# %% step:b
acc.add(1)
# %% step:c
print(acc.total())
# %% step:d
print(acc.total())
""",
        "a->b: acc; b->c: acc; b->d: acc",
        id="user-method",
    ),
    pytest.param(
        """
# %% step:a
def make():
    acc = []
    def add(x):
        acc.append(x)
        return acc
    return add
add = make()
# %% step:b
add(1)
# %% step:c
print(add(2))
""",
        "a->b: add; b->c: add",
        id="closure-counter",
    ),
    pytest.param(
        """
# %% functions
def f(x, acc=[]):
    acc.append(x)
    return acc
# %% step:a
f(1)
# %% step:b
print(f(2))
""",
        "a->b: f",
        id="default-arg",
    ),
    pytest.param(
        """
# %% step:a
x = 1
y = 2
# %% step:b
del x
# %% step:c
try:
    print(x)
except NameError:
    print('no', y)
""",
        "a->b: x; a->c: y",
        id="del",
    ),
    pytest.param(
        """
# %% step:a
n = 1
# %% step:b
n += 1
# %% step:c
print(n)
""",
        "a->b: n; b->c: n",
        id="aug",
    ),
    pytest.param(
        """
# %% step:a
try:
    1/0
except ZeroDivisionError as e:
    msg = str(e)
# %% step:b
print(msg)
""",
        "a->b: msg",
        id="except-name",
    ),
    pytest.param(
        """
# %% step:a
code = 'z = 3'
# %% step:b
exec(code)
# %% step:c
print(z)
""",
        "a->b: code; b->c: z",
        id="exec",
    ),
    pytest.param(
        """
# %% step:a
%time x = 1
%%time
# %% step:b
!echo {x}
y = !echo hi
# %% step:c
print(y)
""",
        "a->b: x; a->c: print; b->c: y",
        id="magic",
    ),
    pytest.param(
        """
# %% step:a
%%capture out
print(1)
v = 2
# %% step:b
print(out.stdout, v)
""",
        "a->b: out, v",
        id="capture",
    ),
    pytest.param(
        """
# %% functions
import functools
def twice(f):
    @functools.wraps(f)
    def w(*a):
        return f(*a) * factor
    return w
# %% step:a
factor = 2
@twice
def g(x): return x
# %% step:b
print(g(2))
""",
        "a->b: factor, g",
        id="decorator",
    ),
    pytest.param(
        """
# %% imports
import numpy as np
# %% step:a
a = np.zeros(4)
v = a[:2]
# %% step:b
v[0] = 1
# %% step:c
print(a)
""",
        "a->b: a, v; b->c: a",
        id="view",
    ),
    pytest.param(
        """
# %% step:a
a = []
d = {'a': a}
# %% step:b
d['a'].append(1)
# %% step:c
print(a)
# %% step:d
print(d)
""",
        "a->b: a, d; b->c: a; b->d: d",
        id="container-alias",
    ),
    pytest.param(
        """
# %% step:a
x = 1
# %% step:b
y = 2
# %% step:a
z = x + 1
# %% step:c
print(y, z)
""",
        "a->c: z; b->c: y",
        id="reopen-fine",
    ),
    pytest.param(
        """
# %% step:a
x = 1
# %% step:b
y = x
# %% step:a
z = y
""",
        "a->b: x; b->a: y",
        id="reopen-cyc",
    ),
    pytest.param(
        """
# %% step:a
match {'k': 1}:
    case {'k': v, **rest}:
        pass
# %% step:b
print(v, rest)
""",
        "a->b: rest, v",
        id="match",
    ),
    pytest.param(
        """
# %% step:a
import asyncio
async def f():
    return base
base = 1
# %% step:b
print(await f())
""",
        "a->b: base, f",
        id="async",
    ),
    pytest.param(
        """
# %% step:a
xs = [y := 1, y**2]
if any((w := v) > 0 for v in xs): pass
# %% step:b
print(y, w)
""",
        "a->b: w, y",
        id="walrus",
    ),
    pytest.param(
        """
# %% imports
import pandas as pd
# %% step:a
lim = 1
df = pd.DataFrame({'a':[1,2]})
# %% step:b
print(df.query('a > @lim'))
""",
        "a->b: df, lim",
        id="query",
    ),
    pytest.param(
        """
# %% imports
import os
# %% step:a
os.environ['X'] = '1'
# %% step:b
print(os.environ['X'])
""",
        "a->b: @environ",
        id="env",
    ),
    pytest.param(
        """
# %% step:a
a = []
# %% step:b
c = [a]
# %% step:d
c[0].append(1)
print(a)
""",
        "a->b: a; b->d: a, c",
        id="share-redone",
    ),
    pytest.param(
        """
# %% step:a
a = b = []
# %% step:b
c = [a]
# %% step:d
b.append(1)
print(c)
""",
        "a->b: a, b; b->d: b, c",
        id="sharing-3",
    ),
    pytest.param(
        """
# %% step:a
g = (i for i in range(3))
# %% step:b
print(list(g))
""",
        "a->b: g",
        id="unstorable",
    ),
    pytest.param(
        """
# %% functions
def f(): return 1
# %% step:a
print(f())
# %% functions
def f(): return 2
# %% step:b
print(f())
""",
        "",
        id="setup-redefined",
    ),
    pytest.param(
        """
# %% imports
import numpy as np
rng = np.random.default_rng(0)
# %% step:a
x = rng.normal()
# %% step:b
y = rng.normal()
# %% step:c
z = 1
""",
        "a->b: rng",
        id="generator-pass",
    ),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_build_pipeline__small_notebook__has_just_these_edges(text: str, expected: str) -> None:
    """Every read takes its value from the nearest earlier definition or change."""
    pipeline = pipeline_of(text)

    assert edges_of(pipeline) == expected
