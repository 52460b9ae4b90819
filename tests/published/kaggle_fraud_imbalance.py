# %% [markdown]
# Credit fraud || dealing with imbalanced datasets
# %% imports
import numpy as np
import pandas as pd
import matplotlib.pyplot as plt
import matplotlib.patches as mpatches
import seaborn as sns
import warnings; warnings.filterwarnings("ignore")
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler, RobustScaler
from sklearn.model_selection import train_test_split, StratifiedKFold
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier
from sklearn.metrics import precision_score, recall_score, f1_score, roc_auc_score
colors = ["#0101DF", "#DF0101"]
# %% step:data
X_, y_ = make_classification(n_samples=1200, n_features=8, weights=[.95], flip_y=.01, random_state=3)
df = pd.DataFrame(X_, columns=[f'V{i}' for i in range(1, 9)])
gen = np.random.default_rng(5)
df['Amount'] = gen.lognormal(3, 1, len(df)).round(2)
df['Time'] = np.sort(gen.integers(0, 172_800, len(df)))
df['Class'] = y_
df.head()
# %%
# The classes are heavily skewed we need to solve this issue later.
print('No Frauds', round(df['Class'].value_counts()[0]/len(df) * 100,2), '% of the dataset')
print('Frauds', round(df['Class'].value_counts()[1]/len(df) * 100,2), '% of the dataset')
# %%
sns.countplot(x='Class', data=df)
plt.title('Class Distributions \n (0: No Fraud || 1: Fraud)', fontsize=14)
# %% step:scale
std_scaler = StandardScaler()
rob_scaler = RobustScaler()

df['scaled_amount'] = rob_scaler.fit_transform(df['Amount'].values.reshape(-1,1))
df['scaled_time'] = rob_scaler.fit_transform(df['Time'].values.reshape(-1,1))
df.drop(['Time','Amount'], axis=1, inplace=True)
# %%
scaled_amount = df['scaled_amount']
scaled_time = df['scaled_time']
df.drop(['scaled_amount', 'scaled_time'], axis=1, inplace=True)
df.insert(0, 'scaled_amount', scaled_amount)
df.insert(1, 'scaled_time', scaled_time)
# Amount and Time are Scaled!
df.head()
# %% step:split
X = df.drop('Class', axis=1)
y = df['Class']
sss = StratifiedKFold(n_splits=4, random_state=None, shuffle=False)
for train_index, test_index in sss.split(X, y):
    original_Xtrain, original_Xtest = X.iloc[train_index], X.iloc[test_index]
    original_ytrain, original_ytest = y.iloc[train_index], y.iloc[test_index]
# Turn into an array
original_Xtrain = original_Xtrain.values
original_Xtest = original_Xtest.values
print(len(original_ytrain), len(original_ytest), original_ytest.mean().round(4))
# %% [markdown]
## Random under-sampling
# %% step:undersample
df = df.sample(frac=1, random_state=8)
fraud_df = df.loc[df['Class'] == 1]
non_fraud_df = df.loc[df['Class'] == 0][:len(fraud_df)]
normal_distributed_df = pd.concat([fraud_df, non_fraud_df])
new_df = normal_distributed_df.sample(frac=1, random_state=42)
new_df['Class'].value_counts()
# %%
f, (ax1, ax2) = plt.subplots(1, 2, figsize=(9, 3))
sns.heatmap(df.corr(), cmap='coolwarm_r', ax=ax1)
sns.heatmap(new_df.corr(), cmap='coolwarm_r', ax=ax2)
plt.show()
# %%
# # -----> V1 Removing Outliers
for v in ['V1', 'V4']:
    fraud = new_df[v].loc[new_df['Class'] == 1].values
    q25, q75 = np.percentile(fraud, 25), np.percentile(fraud, 75)
    cut_off = (q75 - q25) * 1.5
    lower, upper = q25 - cut_off, q75 + cut_off
    new_df = new_df.drop(new_df[(new_df[v] > upper) | (new_df[v] < lower)].index)
    print('{}: lower {:.3f} upper {:.3f}, left {}'.format(v, lower, upper, len(new_df)))
# %% step:train
X = new_df.drop('Class', axis=1)
y = new_df['Class']
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=42)
classifiers = {
    "LogisiticRegression": LogisticRegression(),
    "KNearest": KNeighborsClassifier(),
    "DecisionTreeClassifier": DecisionTreeClassifier(random_state=0)
}
# %%
for key, classifier in classifiers.items():
    classifier.fit(X_train.values, y_train.values)
    print("Classifiers: ", classifier.__class__.__name__, "test score", round(classifier.score(X_test.values, y_test), 3))
# %% step:original
report = {}
for key, classifier in classifiers.items():
    pred = classifier.predict(original_Xtest)
    report[key] = dict(precision=precision_score(original_ytest, pred), recall=recall_score(original_ytest, pred),
                       f1=f1_score(original_ytest, pred))
pd.DataFrame(report).T.round(3)
# %%
auc = roc_auc_score(original_ytest, classifiers['LogisiticRegression'].decision_function(original_Xtest))
auc
# %% metrics
best_recall = max(r['recall'] for r in report.values())
# %% [markdown]
# Conclusion
Undersampling buys recall with precision.
# %%
summary = pd.DataFrame(report).T
summary['rank'] = summary['recall'].rank(ascending=False).astype(int)
summary.sort_values('rank', inplace=True)
summary.round(3)
# %%
# the frame was shuffled, the split before it was not
df.index[:5].tolist(), int(original_ytest.index[0])
