export { createDriverConnectors, type DriverConfig, type DriverOptions } from './driver.js';
