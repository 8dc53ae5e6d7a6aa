/** What makes a kind: names, schemas, columns. */
import type { z } from 'zod';

export const GROUP = 'postrider.dev';
export const VERSION = 'v1alpha1';
export const API_VERSION = `${GROUP}/${VERSION}`;

export interface Column {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  /** Shown by `-o wide` only. */
  readonly wide?: true;
}

export interface NameRule {
  /** For CEL and for JavaScript; anchored. */
  readonly pattern: string;
  /** What is wrong, and what to write instead. */
  readonly message: string;
}

export interface Kind<S extends z.ZodType = z.ZodType> {
  readonly kind: string;
  readonly plural: string;
  readonly shortName: string;
  readonly description: string;
  readonly spec: S;
  readonly status: z.ZodType;
  readonly columns: readonly Column[];
  /** What metadata.name has to be besides: objects that are named after the resource have less room than a resource. */
  readonly nameRule?: NameRule;
  readonly scale?: {
    readonly specReplicasPath: string;
    readonly statusReplicasPath: string;
    readonly labelSelectorPath: string;
  };
}

export const conditionColumn = (type: string, description: string, wide?: true): Column => ({
  name: type,
  type: 'string',
  jsonPath: `.status.conditions[?(@.type=="${type}")].status`,
  description,
  ...(wide && { wide }),
});

export const ageColumn: Column = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the resource was created.',
};

export const programmedColumn: Column = {
  name: 'Programmed',
  type: 'integer',
  jsonPath: '.status.programmedGeneration',
  description: 'Generation that every serving pod has loaded.',
};

/** The columns that every attached kind ends with. */
export const attachedColumns: readonly Column[] = [
  conditionColumn('Accepted', 'Whether every fleet has accepted it.', true),
  programmedColumn,
  conditionColumn('Ready', 'Whether it is accepted, programmed and working in every fleet.'),
  {
    name: 'Reason',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].reason',
    description: 'Why it is ready, or why not.',
  },
  {
    name: 'Message',
    type: 'string',
    jsonPath: '.status.conditions[?(@.type=="Ready")].message',
    description: 'What to do.',
    wide: true,
  },
  ageColumn,
];
