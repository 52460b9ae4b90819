# %% [markdown]
# Feature selection and data visualization
1. Visualization 1. Feature selection 1. Random forest
# %% imports
import numpy as np # linear algebra
import pandas as pd # data processing
import seaborn as sns # data visualization library
import matplotlib.pyplot as plt
import time
from subprocess import check_output
print(check_output(["echo", "data.csv"]).decode("utf8"))
# %% step:data
from sklearn.datasets import load_breast_cancer
raw = load_breast_cancer(as_frame=True)
data = raw.frame.rename(columns=lambda c: c.replace(' ', '_'))
data['diagnosis'] = np.where(data.pop('target') == 0, 'M', 'B')
data.head()  # head method show only first 5 rows
# %%
# feature names as a list
col = data.columns       # .columns gives columns names in data
print(col)
# %%
# y includes our labels and x includes our features
y = data.diagnosis                          # M or B
list = ['mean_fractal_dimension', 'diagnosis']
x = data.drop(list, axis=1)
x.head()
# %% step:visual
ax = sns.countplot(x=y)
B, M = y.value_counts()
print('Number of Benign: ', B)
print('Number of Malignant : ', M)
# %%
x.describe()
# %% [markdown]
Before violin plots we need to standardize.
# %%
data_dia = y
data = x
data_n_2 = (data - data.mean()) / (data.std())              # standardization
data = pd.concat([y, data_n_2.iloc[:, 0:4]], axis=1)
data = pd.melt(data, id_vars="diagnosis", var_name="features", value_name='value')
plt.figure(figsize=(5, 3))
tic = time.time()
sns.boxplot(x="features", y="value", hue="diagnosis", data=data)
plt.xticks(rotation=90);
# %%
toc = time.time()
print("swarm plot time: ", toc - tic, " s")
# %% [markdown]
## Correlation
# %% step:select
corr = x.corr().abs()
upper = corr.where(np.triu(np.ones(corr.shape), k=1).astype(bool))
drop_list1 = [column for column in upper.columns if any(upper[column] > 0.9)]
drop_list1
# %%
x_1 = x.drop(drop_list1, axis=1)        # do not modify x, we will use it later
x_1.shape
# %%
f, ax = plt.subplots(figsize=(5, 4))
sns.heatmap(x_1.corr(), linewidths=.5, fmt='.1f', ax=ax)
# %% step:split
from sklearn.model_selection import train_test_split
from sklearn.metrics import f1_score, confusion_matrix, accuracy_score
# split data train 70 % and test 30 %
x_train, x_test, y_train, y_test = train_test_split(x_1, y, test_size=0.3, random_state=42)
# %% step:forest
from sklearn.ensemble import RandomForestClassifier
clf_rf = RandomForestClassifier(n_estimators=15, random_state=43)
clr_rf = clf_rf.fit(x_train, y_train)

ac = accuracy_score(y_test, clf_rf.predict(x_test))
print('Accuracy is: ', ac)
cm = confusion_matrix(y_test, clf_rf.predict(x_test))
sns.heatmap(cm, annot=True, fmt="d")
# %% step:kbest
from sklearn.feature_selection import SelectKBest, chi2
select_feature = SelectKBest(chi2, k=5).fit(x_train, y_train)
print('Score list:', select_feature.scores_.round(2))
# %%
x_train_2 = select_feature.transform(x_train)
x_test_2 = select_feature.transform(x_test)
clf_rf_2 = RandomForestClassifier(n_estimators=15, random_state=1)
clr_rf_2 = clf_rf_2.fit(x_train_2, y_train)
ac_2 = accuracy_score(y_test, clf_rf_2.predict(x_test_2))
print('Accuracy is: ', ac_2)
# %% step:compare
importances = clr_rf.feature_importances_
indices = np.argsort(importances)[::-1]
for f in range(5):
    print("%d. feature %d (%f)" % (f + 1, indices[f], importances[indices[f]]))
# %%
plt.bar(range(x_train.shape[1]), importances[indices], color="g", align="center")
plt.title("Feature importances")
plt.show()
# %%
{'forest': round(ac, 4), 'k best': round(ac_2, 4)}
# %% metrics
best_accuracy = max(ac, ac_2)
