# %% [markdown]
# Who survives? EDA + feature engineering
*If you find this kernel useful, please upvote!*
# %% imports
import numpy as np # linear algebra
import pandas as pd # data processing, CSV file I/O (e.g. pd.read_csv)
import matplotlib.pyplot as plt
import seaborn as sns
import warnings
warnings.filterwarnings('ignore')
%matplotlib inline
sns.set_theme(style='whitegrid')
pd.set_option('display.max_columns', 30)
# %% [markdown]
## 1. Load the data
The real competition has a csv; here passengers are made up.
# %% step:load
np.random.seed(42)
n = 400
train = pd.DataFrame({
    'PassengerId': np.arange(1, n + 1),
    'Pclass': np.random.choice([1, 2, 3], n, p=[.24, .21, .55]),
    'Sex': np.random.choice(['male', 'female'], n, p=[.65, .35]),
    'Age': np.random.normal(30, 13, n).clip(0.5, 80).round(1),
    'SibSp': np.random.poisson(.5, n),
    'Parch': np.random.poisson(.4, n),
    'Fare': np.random.exponential(32, n).round(2),
    'Embarked': np.random.choice(['S', 'C', 'Q'], n),
})
# %%
train['Name'] = ['%s, %s. J' % (chr(65 + i % 26) * 4, 'Mr' if s == 'male' else np.random.choice(['Mrs', 'Miss']))
                 for i, s in enumerate(train['Sex'])]
logit = 2.2 * (train.Sex == 'female') - .7 * train.Pclass - .01 * train.Age + .6
train['Survived'] = (np.random.rand(n) < 1 / (1 + np.exp(-logit))).astype(int)
train.loc[np.random.rand(n) < .2, 'Age'] = np.nan
train.head()
# %%
test = train.sample(frac=.25, random_state=1)
train = train.drop(test.index)
y_hidden = test.pop('Survived')
print(train.shape, test.shape)
# %% [markdown]
## 2. A first look
# %% step:eda
train.info()
# %%
train.describe()
# %%
missing = train.isnull().sum().sort_values(ascending=False)
missing = missing[missing > 0]
missing
# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3))
sns.countplot(x='Pclass', hue='Survived', data=train, ax=axes[0])
train['Age'].hist(bins=20, ax=axes[1])
plt.show()
# %%
train[['Sex', 'Survived']].groupby('Sex', as_index=False).mean().sort_values(by='Survived', ascending=False)
# %%
for col in ['Pclass', 'Embarked', 'SibSp']:
    print(pd.crosstab(train[col], train['Survived']))
    print('-' * 20)
# %% [markdown]
## 3. Feature engineering
Do everything to both frames at once.
# %% step:features
full = [train, test]
for df in full:
    df['FamilySize'] = df['SibSp'] + df['Parch'] + 1
    df['IsAlone'] = 0
    df.loc[df['FamilySize'] == 1, 'IsAlone'] = 1
# %%
def get_title(name):
    return name.split(', ')[1].split('.')[0]

def fill_ages(frames, by='Title'):
    """Fills in place!"""
    medians = frames[0].groupby(by)['Age'].median()
    for frame in frames:
        holes = frame['Age'].isnull()
        frame.loc[holes, 'Age'] = frame.loc[holes, by].map(medians)
# %%
for df in full:
    df['Title'] = df['Name'].apply(get_title)
fill_ages(full)
train.isnull().sum().sum(), test.isnull().sum().sum()
# %%
mapping = {'male': 0, 'female': 1}
for df in full:
    df['Sex'] = df['Sex'].map(mapping)
    df['Fare'] = pd.qcut(df['Fare'], 4, labels=False)
    df.drop(['Name', 'SibSp', 'Parch'], axis=1, inplace=True)
train.head(3)
# %%
train = pd.get_dummies(train, columns=['Embarked', 'Title'], dtype=int)
test = pd.get_dummies(test, columns=['Embarked', 'Title'], dtype=int)
test = test.reindex(columns=[c for c in train.columns if c != 'Survived'], fill_value=0)
# %% [markdown]
## 4. Model
# %% step:model
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.model_selection import cross_val_score

X = train.drop(['Survived', 'PassengerId'], axis=1)
y = train['Survived']
X.shape, y.mean().round(3)
# %%
models = {'logreg': LogisticRegression(max_iter=500), 'tree': DecisionTreeClassifier(max_depth=4, random_state=0)}
scores = {}
for name, model in models.items():
    scores[name] = cross_val_score(model, X, y, cv=3).mean()
    print(f'{name}: {scores[name]:.4f}')
# %%
best = max(scores, key=scores.get)
clf = models[best].fit(X, y)
clf
# %% metrics
cv_score = scores[best]
# %% [markdown]
## 5. Submit
# %% step:submit
submission = pd.DataFrame({'PassengerId': test['PassengerId'], 'Survived': clf.predict(test.drop('PassengerId', axis=1))})
submission.to_csv('submission.csv', index=False)
submission.Survived.value_counts()
# %%
!head -n 3 submission.csv
# %%
print('hidden accuracy', (submission.Survived.values == y_hidden.values).mean())
