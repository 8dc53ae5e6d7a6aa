import { describe, expect, it } from 'vitest';
import { concernsOf, mountOf, readMount } from './mount.ts';

const MOUNTS = [
  '22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard',
  '40 22 0:35 / /var/mail/queue rw,relatime shared:9 - nfs4 server:/q rw,vers=4.1,soft,timeo=600',
  '41 22 0:36 / /var/mail/with\\040space rw - cifs //server/q rw,cache=strict',
  '42 22 0:37 / /run rw,nosuid - tmpfs tmpfs rw,size=100k',
  '43 42 0:38 / /run rw shared:3 master:2 - fuse.glusterfs host:vol rw,user_id=0',
].join('\n');

describe('the mount of a path', () => {
  it('is that of the longest mount point above it', () => {
    expect(mountOf(MOUNTS, '/var/mail/queue/lanes')?.type).toBe('nfs4');
    expect(mountOf(MOUNTS, '/var/mail/queue')?.options).toContain('soft');
    expect(mountOf(MOUNTS, '/var/mail/queue2')?.type).toBe('ext4');
    expect(mountOf(MOUNTS, '/var/mail/with space/x')?.type).toBe('cifs');
  });

  it('is the one that was mounted last where several have one point', () => {
    expect(mountOf(MOUNTS, '/run/queue')?.type).toBe('fuse.glusterfs');
  });

  it('is read of this machine, for a folder that is yet to be made too', () => {
    expect(readMount('/proc')?.type).toBe('proc');
    expect(readMount('/proc/no/such/folder')?.type).toBe('proc');
  });
});

describe('concerns', () => {
  it.each([
    ['ext4', ['rw', 'data=ordered'], 0],
    ['ext4', ['rw', 'nobarrier'], 1],
    ['xfs', ['rw'], 0],
    ['nfs4', ['rw', 'vers=4.1', 'hard'], 0],
    ['nfs', ['rw', 'hard', 'nocto'], 1],
    ['nfs4', ['rw', 'softerr', 'nocto'], 2],
    ['ceph', ['rw'], 0],
    ['fuse.glusterfs', ['rw'], 0],
    ['fuse.juicefs', ['rw'], 0],
    ['cifs', ['rw', 'hard'], 1],
    ['tmpfs', ['rw'], 1],
    ['overlay', ['rw'], 1],
    ['fuse.rclone', ['rw'], 1],
    ['fuse.s3fs', ['rw'], 1],
  ])('of %s with %j: %i', (type, options, count) => {
    expect(concernsOf({ type, options })).toHaveLength(count);
  });
});
