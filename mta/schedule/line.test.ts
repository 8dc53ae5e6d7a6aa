import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Line } from './line.ts';

it('has the one first that has been in it longest', () => {
  const action = fc.record({ what: fc.constantFrom('add', 'delete', 'first'), member: fc.nat(6) });
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const line = new Line<number>();
      let model: number[] = [];
      for (const { what, member } of actions) {
        if (what === 'add') {
          line.add(member);
          if (!model.includes(member)) model.push(member);
        } else if (what === 'delete') {
          line.delete(member);
          model = model.filter((other) => other !== member);
        } else expect(line.first).toBe(model[0]);
        expect(line.has(member)).toBe(model.includes(member));
        expect(line.size).toBe(model.length);
      }
    }),
  );
});
