# %% [markdown]
# Assignment 4: a neural network in plain NumPy

Fill in the blanks (they are filled in here: this is the solution).

# %% imports
import copy
import numpy as np
import matplotlib.pyplot as plt
from sklearn.datasets import make_moons
%load_ext autoreload
%autoreload 2
%matplotlib inline

# %%
plt.rcParams['figure.figsize'] = (4.0, 3.0)
plt.rcParams['image.interpolation'] = 'nearest'

# for auto-reloading external modules
def rel_error(x, y):
    """ returns relative error """
    return np.max(np.abs(x - y) / (np.maximum(1e-8, np.abs(x) + np.abs(y))))

# %% [markdown]
## Data

# %% step:data
np.random.seed(231)
X, y = make_moons(160, noise=0.2, random_state=3)
mean = X.mean(axis=0)
X -= mean
num_train = 120
X_val, y_val = X[num_train:], y[num_train:]
X, y = X[:num_train], y[:num_train]
print('Train:', X.shape, 'validation:', X_val.shape)

# %%
plt.scatter(X[:, 0], X[:, 1], c=y, s=8);

# %% [markdown]
## Layers

# %% functions
def affine_forward(x, w, b):
    out = x.dot(w) + b
    cache = (x, w)
    return out, cache

def affine_backward(dout, cache):
    x, w = cache
    return dout.dot(w.T), x.T.dot(dout), dout.sum(axis=0)

def relu_forward(x):
    return np.maximum(0, x), x

def relu_backward(dout, cache):
    dx = dout.copy()
    dx[cache <= 0] = 0
    return dx

def softmax_loss(x, y):
    shifted = x - np.max(x, axis=1, keepdims=True)
    log_probs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx

# %% [markdown]
### Check one layer

# %% step:check
x = np.linspace(-0.1, 0.5, num=12).reshape(4, 3)
w = np.linspace(-0.2, 0.3, num=15).reshape(3, 5)
b = np.linspace(-0.3, 0.1, num=5)
out, cache = affine_forward(x, w, b)
out.round(3)

# %%
def numerical(f, x, df, h=1e-5):
    grad = np.zeros_like(x)
    it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])
    while not it.finished:
        ix = it.multi_index
        oldval = x[ix]
        x[ix] = oldval + h
        pos = f(x)[0].copy()
        x[ix] = oldval - h
        neg = f(x)[0].copy()
        x[ix] = oldval
        grad[ix] = np.sum((pos - neg) * df) / (2 * h)
        it.iternext()
    return grad

dout = np.random.randn(*out.shape)
dx, dw, db = affine_backward(dout, cache)
errors = [rel_error(dx, numerical(lambda x: affine_forward(x, w, b), x, dout)),
          rel_error(dw, numerical(lambda w: affine_forward(x, w, b), w, dout))]
[e < 1e-6 for e in errors]

# %% [markdown]
## The network

# %% step:network
class TwoLayerNet:
    def __init__(self, input_dim=2, hidden_dim=20, num_classes=2, scale=0.3, reg=0.0):
        self.params = {}
        self.reg = reg
        self.params['W1'] = scale * np.random.randn(input_dim, hidden_dim)
        self.params['b1'] = np.zeros(hidden_dim)
        self.params['W2'] = scale * np.random.randn(hidden_dim, num_classes)
        self.params['b2'] = np.zeros(num_classes)

    def loss(self, X, y=None):
        h, cache1 = affine_forward(X, self.params['W1'], self.params['b1'])
        a, cache_relu = relu_forward(h)
        scores, cache2 = affine_forward(a, self.params['W2'], self.params['b2'])
        if y is None:
            return scores
        loss, dscores = softmax_loss(scores, y)
        loss += 0.5 * self.reg * sum(np.sum(p * p) for n, p in self.params.items() if n[0] == 'W')
        da, dW2, db2 = affine_backward(dscores, cache2)
        _, dW1, db1 = affine_backward(relu_backward(da, cache_relu), cache1)
        grads = {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}
        for name in ('W1', 'W2'):
            grads[name] += self.reg * self.params[name]
        return loss, grads

net = TwoLayerNet()
loss, grads = net.loss(X, y)
sorted((n, g.shape) for n, g in grads.items()), round(float(loss), 3)

# %%
net.reg = 0.1
loss_with_reg, _ = net.loss(X, y)
loss_with_reg > loss

# %% [markdown]
## Solver

# %% step:solver
def sgd(w, dw, config):
    w -= config['learning_rate'] * dw
    return w, config

def sgd_momentum(w, dw, config):
    v = config.setdefault('velocity', np.zeros_like(w))
    v *= config.get('momentum', 0.9)
    v -= config['learning_rate'] * dw
    w += v
    return w, config

# %%
class Solver(object):
    def __init__(self, model, data, update_rule=sgd, **config):
        self.model, self.data, self.update_rule = model, data, update_rule
        self.loss_history, self.val_acc_history = [], []
        self.best_val_acc = 0
        self.best_params = {}
        self.optim_configs = {p: copy.deepcopy(config) for p in model.params}

    def check_accuracy(self, X, y):
        return np.mean(np.argmax(self.model.loss(X), axis=1) == y)

    def train(self, iterations=100, every=20):
        X, y, X_val, y_val = self.data
        for t in range(iterations):
            mask = np.random.choice(len(X), 40)
            loss, grads = self.model.loss(X[mask], y[mask])
            self.loss_history.append(loss)
            for p, w in self.model.params.items():
                next_w, next_config = self.update_rule(w, grads[p], self.optim_configs[p])
                self.model.params[p] = next_w
                self.optim_configs[p] = next_config
            if t % every == 0:
                acc = self.check_accuracy(X_val, y_val)
                self.val_acc_history.append(acc)
                if acc > self.best_val_acc:
                    self.best_val_acc = acc
                    self.best_params = {k: v.copy() for k, v in self.model.params.items()}

net.reg = 0.0
solver = Solver(net, (X, y, X_val, y_val), learning_rate=0.5)
solver.train()
print(len(solver.loss_history), solver.loss_history[-1] < solver.loss_history[0])

# %%
solver.train(50)
len(solver.val_acc_history)

# %%
solvers = {}
for rule in (sgd, sgd_momentum):
    model = TwoLayerNet(hidden_dim=10)
    solvers[rule.__name__] = s = Solver(model, (X, y, X_val, y_val), rule, learning_rate=0.1)
    s.train(60)
{name: round(float(s.best_val_acc), 2) >= 0.5 for name, s in solvers.items()}

# %%
plt.subplot(2, 1, 1)
for name, s in solvers.items():
    plt.plot(s.loss_history, label=name)
plt.legend()
plt.subplot(2, 1, 2)
plt.plot(solver.val_acc_history, '-o');

# %% [markdown]
## Test

# %% step:test_it
best = max([solver] + list(solvers.values()), key=lambda s: s.best_val_acc)
best.model.params.update(best.best_params)
final = best.check_accuracy(X_val, y_val)
final > 0.75

# %%
new_points = np.array([[0.0, 0.5], [1.0, -0.5]]) - mean
np.argmax(best.model.loss(new_points), axis=1)

# %%
print(f'{len(net.params)} arrays, regularized {net.reg}, {sum(p.size for p in net.params.values())} numbers')
