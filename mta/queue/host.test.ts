import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { describeWith } from '../../test/support/debian.ts';
import { linuxHost, parseOwner } from './host.ts';

describe('linuxHost', () => {
  it('knows that it lives itself', () => {
    expect(linuxHost.isGone(linuxHost.self())).toBe(false);
  });

  it('knows that a process has ended, and that its pid belongs to another now', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    expect(linuxHost.isGone({ ...linuxHost.self(), pid: child.pid!, startTime: '1' })).toBe(true);
    expect(linuxHost.isGone({ ...linuxHost.self(), startTime: '1' })).toBe(true);
  });

  it.each([
    ['on another host', { hostname: 'elsewhere' }],
    ['in another pid namespace, as a container started again is', { pidNamespace: 'pid:[1]' }],
    ['of another boot: it may be another machine of the same name', { boot: 'another' }],
  ])('is certain of nothing %s', (_where, change) => {
    expect(linuxHost.isGone({ ...linuxHost.self(), startTime: '1', ...change })).toBe(false);
  });
});

describeWith(['unshare', 'root'], 'linuxHost where /proc shows the processes of another namespace', () => {
  it('takes nobody for gone', () => {
    const host = new URL('./host.ts', import.meta.url).pathname;
    const script = `import { linuxHost } from '${host}';
      console.log(linuxHost.isGone({ ...linuxHost.self(), startTime: '1' }))`;
    const node = [process.execPath, '--input-type=module', '-e', script];
    expect(execFileSync('unshare', ['--pid', '--fork', ...node], { encoding: 'utf8' }).trim()).toBe('false');
  });
});

describe('parseOwner', () => {
  it('reads what was written, and nothing else', () => {
    const self = linuxHost.self();
    expect(parseOwner(JSON.stringify(self))).toEqual(self);
    for (const text of ['', '{', '{}', 'null', '[]']) expect(parseOwner(text)).toBeUndefined();
  });
});
