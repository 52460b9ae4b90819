/**
 * The section with the findings about the notebook; each leads to its place.
 */
import { infoIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IDiagnostic } from '../api';
import { Icon } from '../buttons';
import { stateIcon, warningIcon } from '../icons';
import { placeText, severityText } from '../texts';
import type { ISectionProps } from './parts';
import { Empty } from './parts';

const ICONS = {
  error: stateIcon('FAILED'),
  warning: warningIcon,
  info: infoIcon
};

/** The other places that a finding is about; each leads there. */
function Related(
  props: ISectionProps & { diagnostic: IDiagnostic }
): React.JSX.Element {
  const { actions, trans, diagnostic } = props;
  return (
    <ul
      className="jp-kernelpipe-PanelRelated"
      aria-label={trans.__('Related places')}
    >
      {diagnostic.related.map(each => (
        <li key={JSON.stringify(each)}>
          <button
            type="button"
            className="jp-kernelpipe-PanelRelated-place"
            onClick={() => void actions.goToPlace(each)}
          >
            <span>{`${placeText(trans, each)}: ${each.text}`}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The findings. */
export function Diagnostics(props: ISectionProps): React.JSX.Element {
  const { model, actions, trans } = props;
  const { diagnostics, session } = model;
  if (session?.analysis === null || session === null) {
    return (
      <Empty text={trans.__('Findings about the notebook appear here.')} />
    );
  }
  if (diagnostics.length === 0) {
    return <Empty text={trans.__('No errors, no warnings.')} />;
  }
  return (
    <ul
      className="jp-kernelpipe-PanelDiagnostics"
      aria-label={trans.__('Diagnostics')}
    >
      {diagnostics.map(each => (
        <li key={JSON.stringify(each)} data-kernelpipe-diagnostic={each.code}>
          <button
            type="button"
            className={`jp-kernelpipe-PanelDiagnostic jp-mod-${each.severity}`}
            onClick={() => void actions.goTo(each)}
          >
            <Icon icon={ICONS[each.severity]} />
            <span className="jp-kernelpipe-PanelDiagnostic-text">
              <span className="jp-kernelpipe-PanelDiagnostic-head">
                <span className="jp-kernelpipe-PanelDiagnostic-code">
                  {`${severityText(trans, each)} ${each.code}`}
                </span>
                <span>{placeText(trans, each)}</span>
              </span>
              <span>{each.message}</span>
              {each.hint !== null && (
                <span className="jp-kernelpipe-PanelDiagnostic-hint">
                  {trans.__('Hint: %1', each.hint)}
                </span>
              )}
            </span>
          </button>
          {each.related.length > 0 && <Related {...props} diagnostic={each} />}
        </li>
      ))}
    </ul>
  );
}
