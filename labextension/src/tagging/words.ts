/**
 * The words for roles and for values of settings.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { Role } from '../api';

/** A role that a cell can be given; null is ordinary code of a step. */
export type ChosenRole = Exclude<Role, 'step'> | null;

/** The roles in the order in which they are offered. */
export const ROLES: readonly ChosenRole[] = [
  null,
  'parameters',
  'imports',
  'functions',
  'metrics',
  'test',
  'skip'
];

/** Return the word for a role. */
export function roleText(trans: TranslationBundle, role: ChosenRole): string {
  switch (role) {
    case null:
      return trans.__('Step code');
    case 'parameters':
      return trans.__('Parameters');
    case 'imports':
      return trans.__('Imports');
    case 'functions':
      return trans.__('Functions');
    case 'metrics':
      return trans.__('Metrics');
    case 'test':
      return trans.__('Test');
    case 'skip':
      return trans.__('Skip');
  }
}

/** Return what a role means. */
export function roleCaption(
  trans: TranslationBundle,
  role: ChosenRole
): string {
  switch (role) {
    case null:
      return trans.__('Runs as part of its step');
    case 'parameters':
      return trans.__('Its values can be set before a run');
    case 'imports':
      return trans.__('Setup: runs at the start of every step that needs it');
    case 'functions':
      return trans.__('Setup: what it defines is there in every step');
    case 'metrics':
      return trans.__('The values that it assigns or prints are metrics');
    case 'test':
      return trans.__('Runs after its step, which fails if it raises');
    case 'skip':
      return trans.__('Left out everywhere');
  }
}

/** Return seconds as a tag has them: "90s", "10m", "1h30m". */
export function secondsText(seconds: number): string {
  if (!Number.isInteger(seconds) || seconds < 60) {
    return `${seconds}s`;
  }
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = seconds % 60;
  return (
    (hours > 0 ? `${hours}h` : '') +
    (minutes > 0 ? `${minutes}m` : '') +
    (rest > 0 ? `${rest}s` : '')
  );
}
