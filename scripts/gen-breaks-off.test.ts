import { expect, it } from 'vitest';
import { CLIENT, SERVER } from '../test/conformance/breaks-off/table.ts';
import { breaksOffFiles, PAGE } from './gen-breaks-off.ts';

it('the page has each row of the table, with all that it says', () => {
  const lines = breaksOffFiles().get(PAGE)!.split('\n');
  for (const { at } of SERVER) expect(lines.filter((line) => line.startsWith(`| ${at} |`))).toHaveLength(1);
  for (const { at } of CLIENT) expect(lines.filter((line) => line.startsWith(`| ${at} |`))).toHaveLength(1);
  expect(lines).toContain(
    '| while the message is committed | **queued once** | 250 2.0.0, **queued once** | 250 2.0.0, **queued once** | 250 2.0.0, **queued once** | 250 2.0.0, **queued once** |',
  );
  expect(lines).toContain('| the final dot | uncertain | uncertain | uncertain | next host |');
});
