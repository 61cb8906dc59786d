/** Counts what a driver is asked to do (see observability/work.ts). */
import type { WorkMeter } from '../observability/work.ts';
import type { StorageDriver } from './driver.ts';

export function metered(driver: StorageDriver, meter: WorkMeter): StorageDriver {
  const counted = <Arguments extends unknown[], Result>(operation: (...given: Arguments) => Result) => {
    return (...given: Arguments): Result => {
      meter.countStoreOperation();
      return operation(...given);
    };
  };
  return {
    name: driver.name,
    verifies: driver.verifies,
    minPartBytes: driver.minPartBytes,
    partsOfAnySize: driver.partsOfAnySize,
    maxParts: driver.maxParts,
    maxPutBytes: driver.maxPutBytes,
    put: counted(driver.put.bind(driver)),
    begin: counted(driver.begin.bind(driver)),
    writePart: counted(driver.writePart.bind(driver)),
    complete: counted(driver.complete.bind(driver)),
    abort: counted(driver.abort.bind(driver)),
    read: counted(driver.read.bind(driver)),
    head: counted(driver.head.bind(driver)),
    delete: counted(driver.delete.bind(driver)),
    // No operation on what is stored.
    isFull: driver.isFull?.bind(driver),
  };
}
